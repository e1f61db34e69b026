"""The operator: turns Symbol resources into what the pipeline is asked for, and tells them what became of it.

It alone talks to the Kubernetes API. What streams goes on without it.
"""

"""Benchmarks: ``make bench``, or one of them with ``python -m bench.NAME``.

Each prints what it measured as a ratio inside one run, because the machine is shared and its absolute figures are not to be
compared across runs.
"""

"""Kafka: the topics and their settings, consumers and producers. Nothing else in rtchart imports aiokafka."""

"""The aggregator: stored seconds become candles of every interval, and what changed is published."""

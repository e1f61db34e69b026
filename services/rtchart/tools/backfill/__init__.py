"""``rtchart backfill``: older history by hand, from the exchange or from its public archive."""

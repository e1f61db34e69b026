"""``rtchart verify``: what is stored, compared with what the exchange has, second for second and candle for candle."""

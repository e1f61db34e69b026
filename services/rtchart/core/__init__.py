"""What the pipeline is about, without I/O: interval, kline, candle, gap, symbol and the messages between the services.

Everything here is pure: times come in as arguments, nothing reads a clock, a socket or a file.

Units, everywhere in rtchart: a time is an integer of milliseconds since the Unix epoch (UTC); a stamp, whose name ends in
``_us``, is an integer of microseconds; prices and volumes are decimal strings and are never floats on the way in.
"""

"""Live candlesticks from an exchange to a browser, kept whole."""

__version__ = "0.1.0"

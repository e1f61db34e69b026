"""Logs: readable lines on a terminal, one JSON object a line everywhere else.

Facts go into ``extra`` as ``fields={…}``: ``log.warning("gap opened", extra=fields(symbol="BTCUSDT", seconds=7))``. They are
keys of the JSON object and ``key=value`` at the end of a readable line. There is no line per kline or message.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, Literal, TextIO

import msgspec

Format = Literal["text", "json"]


def fields(**values: object) -> dict[str, Any]:
    """The ``extra`` of a log call that carries facts."""
    return {"fields": values}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, service, logger, message, the fields, error."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _iso(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry, enc_hook=str).decode()


class ReadableFormatter(logging.Formatter):
    """``14:03:07.120 warning producer: gap opened symbol=BTCUSDT seconds=7``."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {key}={value}" for key, value in getattr(record, "fields", {}).items())
        line = f"{_iso(record.created)[11:23]} {record.levelname.lower()} {self._service}: {record.getMessage()}{facts}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _NotAgain(logging.Filter):
    """Lets Kafka's client and the exporter of traces say the same, but for its figures, once a minute: while nobody answers,
    they would every few seconds."""

    def __init__(self, every: float = 60.0) -> None:
        super().__init__()
        self._every = every
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(("aiokafka", "opentelemetry")):
            return True
        key = record.name, str(record.msg)
        if record.created - self._said.get(key, -self._every) < self._every:
            return False
        self._said[key] = record.created
        return True


def configure(service: str, *, level: str = "info", form: Format | None = None, stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (stderr). ``level`` as logging names it; no form: the one that suits it."""
    stream = stream or sys.stderr
    form = form or ("text" if stream.isatty() else "json")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ReadableFormatter(service) if form == "text" else JsonFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    handler.addFilter(_NotAgain())
    # These say at info what they do for every request or heartbeat.
    for chatty in ("httpx", "httpcore", "aiokafka", "hypercorn.access", "websockets"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


def _iso(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"

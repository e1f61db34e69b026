"""Command-line options that several commands share. Each is also an environment variable: ``RTCHART_`` and its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def option(flag: str, default: Any = None, **kwargs: Any) -> Callable[[F], F]:
    """An option that is an environment variable too; what `click.option` takes besides may be given."""
    name = flag.removeprefix("--").replace("-", "_").upper()
    return click.option(
        flag, default=default, envvar=f"RTCHART_{name}", show_envvar=True, show_default=default is not None, **kwargs
    )


kafka = option("--kafka", "127.0.0.1:9092", metavar="HOST:PORT[,…]", help="Bootstrap servers of Kafka.")
topic_prefix = option("--topic-prefix", "", metavar="TEXT", help="Put before every topic's name, for clusters that are shared.")
database = option("--database", metavar="URL", required=True, help="PostgreSQL: postgresql://USER@HOST:PORT/NAME.")
admin_port = option("--admin-port", 0, type=click.IntRange(0, 65535), help="Port of /livez, /readyz and /metrics; 0: none.")
log_level = option("--log-level", "info", type=click.Choice(["debug", "info", "warning", "error"]), help="What is logged.")
exchange = option("--exchange", "binance", type=click.Choice(["binance", "sim"]), help="The venue.")
exchange_ws = option("--exchange-ws", metavar="URL", help="The venue's WebSocket address, if not its usual one.")
exchange_rest = option("--exchange-rest", metavar="URL", help="The venue's REST address, if not its usual one.")

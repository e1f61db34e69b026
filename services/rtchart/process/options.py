"""Command-line options that several commands share. Each is also an environment variable: ``RTCHART_`` and its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from rtchart.process.health import NOWHERE, AdminAddress

F = TypeVar("F", bound=Callable[..., Any])


def option(flag: str, default: Any = None, **kwargs: Any) -> Callable[[F], F]:
    """An option that is an environment variable too; what `click.option` takes besides may be given."""
    name = flag.removeprefix("--").replace("-", "_").upper()
    kwargs.setdefault("show_default", default is not None)
    return click.option(flag, default=default, envvar=f"RTCHART_{name}", show_envvar=True, **kwargs)


class _AdminAddressType(click.ParamType[AdminAddress]):
    """``PORT`` or ``HOST:PORT``."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AdminAddress:
        if isinstance(value, AdminAddress):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no port between 0 and 65535, alone or after a host and a colon.", param, ctx)
        return AdminAddress(host.strip("[]") or NOWHERE.host, int(port))


kafka = option("--kafka", "127.0.0.1:9092", metavar="HOST:PORT[,…]", help="Bootstrap servers of Kafka.")
topic_prefix = option("--topic-prefix", "", metavar="TEXT", help="Put before every topic's name, for clusters that are shared.")
database = option("--database", metavar="URL", required=True, help="PostgreSQL: postgresql://USER@HOST:PORT/NAME.")
admin_port = option(
    "--admin-port",
    "0",
    type=_AdminAddressType(),
    help="Port of /livez, /readyz and /metrics, on 127.0.0.1 unless a HOST: is given (0.0.0.0 in containers); 0: none.",
)
log_level = option("--log-level", "info", type=click.Choice(["debug", "info", "warning", "error"]), help="What is logged.")
exchange = option("--exchange", "binance", type=click.Choice(["binance", "sim"]), help="The venue.")
exchange_ws = option("--exchange-ws", metavar="URL", help="The venue's WebSocket address, if not its usual one.")
exchange_rest = option("--exchange-rest", metavar="URL", help="The venue's REST address, if not its usual one.")

"""Command-line options that several commands share. Each is also an environment variable: ``RTCHART_`` and its name.

Those of Kafka are in `rtchart.broker.options`, those of the database in `rtchart.store.options`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from rtchart.core.errors import UserError
from rtchart.core.symbol import EXCHANGES
from rtchart.process import logs
from rtchart.process.health import NOWHERE
from rtchart.process.run import Process
from rtchart.process.wsgi import Address

F = TypeVar("F", bound=Callable[..., Any])


def option(flag: str, default: Any = None, **kwargs: Any) -> Callable[[F], F]:
    """An option that is an environment variable too; what `click.option` takes besides may be given."""
    name = flag.removeprefix("--").replace("-", "_").upper()
    kwargs.setdefault("show_default", default is not None)
    return click.option(flag, default=default, envvar=f"RTCHART_{name}", show_envvar=True, **kwargs)


class AddressType(click.ParamType[Address]):
    """``PORT`` or ``HOST:PORT``."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no port between 0 and 65535, alone or after a host and a colon.", param, ctx)
        return Address(host.strip("[]") or NOWHERE.host, int(port))


def collected(into: str, make: Callable[..., Any], *options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options that a command gets as one argument: what ``make`` makes of them, given by name.

    A `UserError` of ``make`` ends the command as one sentence.
    """

    def decorate(command: F) -> F:
        names: set[str] = set()

        @functools.wraps(command)
        def collect(*args: Any, **given: Any) -> Any:
            try:
                made = make(**{name: given.pop(name) for name in names})
            except UserError as error:
                raise click.ClickException(str(error)) from None
            return command(*args, **given, **{into: made})

        before = len(getattr(collect, "__click_params__", ()))
        with_options: Any = collect
        for each in reversed(options):
            with_options = each(with_options)
        names.update(parameter.name for parameter in with_options.__click_params__[before:])
        result: F = with_options
        return result

    return decorate


def password_of(text: str | None, file: Path | None, name: str) -> str | None:
    """The password that was given as itself or as a file that holds it (a line end after it is none of it).

    ``name`` is the option's, for the `UserError` when both were given, or the file cannot be read.
    """
    if file is None:
        return text
    if text is not None:
        raise UserError(f"{name} and {name}-file are both given; leave one of them out")
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"cannot read the file that {name}-file names, {file} ({why}); correct the path") from None


admin_port = option(
    "--admin-port",
    "0",
    type=AddressType(),
    help="Port of /livez, /readyz and /metrics, on 127.0.0.1 unless a HOST: is given (0.0.0.0 in containers); 0: none.",
)
log_level = option("--log-level", "info", type=click.Choice(["debug", "info", "warning", "error"]), help="What is logged.")
log_format = option(
    "--log-format", type=click.Choice(get_args(logs.Format)), help="How it is logged.  [default: text on a terminal, else json]"
)
wait = option(
    "--wait",
    0.0,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait at the start for Kafka, its topics, PostgreSQL and the schema; /readyz tells for what. "
    "0: end with a sentence.",
)

otlp_endpoint = option(
    "--otlp-endpoint",
    metavar="URL",
    help="Address of an OpenTelemetry collector (OTLP over HTTP, http://collector:4318) that gets traces of single klines, of "
    "which the producer chooses some (--trace-one-in).  [default: no traces]",
)

service = collected("process", Process, wait, admin_port, log_level, log_format)
"""Of a command that runs until it is stopped and needs others: gives it ``process``, for `rtchart.process.run.run`."""
alone = collected("process", Process, admin_port, log_level, log_format)
"""… of one that needs nobody."""
task = collected("process", Process, wait, log_level, log_format)
"""… of one that ends by itself."""

exchange = option("--exchange", "binance", type=click.Choice(EXCHANGES), help="The venue.")
exchange_ws = option("--exchange-ws", metavar="URL", help="The venue's WebSocket address, if not its usual one.")
exchange_rest = option("--exchange-rest", metavar="URL", help="The venue's REST address, if not its usual one.")

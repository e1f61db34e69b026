"""``rtchart verify``."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.core.errors import UserError
from rtchart.core.interval import CANDLE_INTERVALS
from rtchart.exchange.venues import venue
from rtchart.process import options
from rtchart.process.run import Process, run
from rtchart.store import options as database_options
from rtchart.tools.times import Moment, MomentType, from_to
from rtchart.tools.verify.work import UNCHECKED, Asked, Verify


class _Command(click.Command):
    """Whose exit code is 2 for every option that cannot be: 1 says that something is wrong with what is stored."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError:
            raise
        except click.ClickException as error:
            raise click.UsageError(error.message, ctx) from None


_times = options.collected(
    "window",
    from_to,
    options.option(
        "--from", "1h", type=MomentType(), help="The first second: ISO 8601 in UTC, or a duration back (90s, 2h, 7d)."
    ),
    options.option("--to", "now", type=MomentType(), help="The end, which is not compared any more: the same, or now."),
)


@click.command("verify", cls=_Command)
@options.option("--symbol", multiple=True, metavar="NAME", help="Compare these.  [default: all that are wanted]")
@_times
@options.option(
    "--interval",
    multiple=True,
    type=click.Choice(CANDLE_INTERVALS),
    help="Compare candles of these.  [default: all that a symbol has]",
)
@options.option("--repair", False, is_flag=True, help="Mend what is missing or different, then compare again.")
@options.option(
    "--patience",
    180.0,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait until what --repair asks for is done.",
)
@options.option("--json", False, is_flag=True, help="Print all findings, a JSON object a line.")
@options.option(
    "--share",
    0.25,
    type=click.FloatRange(0, 1, min_open=True),
    help="How much of the exchange's rate limit to use, what others at this address use included.",
)
@options.exchange
@options.exchange_rest
@kafka_options.client("rtchart-verify")
@database_options.database
def command(
    symbol: tuple[str, ...],
    window: tuple[Moment, Moment],
    interval: tuple[str, ...],
    repair: bool,
    patience: float,
    json: bool,
    share: float,
    exchange: str,
    exchange_rest: str | None,
    cluster: Cluster,
    database: str,
) -> None:
    """Compare what is stored with the exchange's own record, second for second and candle for candle.

    Seconds are compared with the exchange's klines of 1s; candles with the fold of the stored seconds and, where complete, with
    the exchange's klines of their interval. Of a symbol's time before its klineHours only candles are. The newest 10 seconds
    are left out.

    The exit code is 0 when all is whole (what the exchange lacks too is no fault), 1 when something is missing or different, 2
    after a wrong option, and 3 when it could not be compared.

    --repair has the running producer fetch missing and different seconds again, and the aggregator fold wrong candles again; it
    needs Kafka, and the database's owner. Beside `rtchart up`, `. rtchart-data/environment` sets all addresses.
    """
    try:
        place = venue(exchange, rest=exchange_rest)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    task = Verify(Asked(symbol, window, interval, repair, patience, share, json), place, cluster, database)
    try:
        run("verify", task.service, Process(log_level="error"))
    except click.ClickException:
        raise
    except Exception:  # a defect of ours, which is nothing that was found
        traceback.print_exc()
        sys.exit(UNCHECKED)
    sys.exit(task.code)

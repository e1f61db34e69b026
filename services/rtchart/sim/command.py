"""``rtchart exchange``."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.process.run import Process, run
from rtchart.process.wsgi import Address
from rtchart.sim.control import served
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.listing import KNOWN, MOST, listings
from rtchart.sim.script import Director
from rtchart.sim.script import read as read_script

log = logging.getLogger(__name__)


@click.command()
@options.option("--host", "127.0.0.1", help="Address to listen on.")
@options.option("--port", 9010, type=click.IntRange(0, 65535), help="Port of WebSocket and REST.")
@options.option("--symbol", multiple=True, metavar="NAME", help="List this symbol; may be repeated.")
@options.option(
    "--symbols-count",
    type=click.IntRange(1, MOST),
    help=f"List so many symbols: {len(KNOWN)} well-known ones, then invented ones.  [default: the well-known ones]",
)
@options.option(
    "--list-any", False, is_flag=True, help="List whatever is named like a pair, as WIFUSDT is, when it is asked for."
)
@options.option("--seed", 1, help="The same seed makes the same market.")
@options.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Replay recorded 1s klines from the next minute on; only its symbols are listed, and those asked for.",
)
@options.option(
    "--rate",
    1.0,
    type=click.FloatRange(min=0, min_open=True),
    help="Market time runs this many times faster than real time, from the start on.",
)
@options.option(
    "--history-days",
    7,
    type=click.IntRange(0, 3650),
    help="Days of market before the day it starts in.",
)
@options.option(
    "--script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Faults to have, in YAML: when, what, for how long; docs/faults.md has all of them.",
)
@options.option(
    "--control-port",
    "0",
    type=options.AddressType(),
    help="Port on which faults can be begun and ended while it runs, on 127.0.0.1 unless a HOST: is given; 0: none.",
)
@options.alone
def command(
    host: str,
    port: int,
    symbol: tuple[str, ...],
    symbols_count: int | None,
    list_any: bool,
    seed: int,
    replay: Path | None,
    rate: float,
    history_days: int,
    script: Path | None,
    control_port: Address,
    process: Process,
) -> None:
    """Simulate the exchange: Binance's WebSocket and REST protocol on one port.

    Its market is generated from the seed, past and future, or replayed from a CSV. Give a producer
    --exchange sim --exchange-ws ws://HOST:PORT --exchange-rest http://HOST:PORT. It can misbehave as real exchanges have
    (--script, --control-port): try your own client with it.
    """

    async def service(health: Health, stopping: asyncio.Event) -> None:
        exchange = Exchange(
            Config(
                symbols=listed(symbol, symbols_count, replay),
                list_any=list_any,
                seed=seed,
                history_days=history_days,
                replay=replay,
                rate=rate,
                host=host,
                port=port,
            )
        )
        steps = [] if script is None else read_script(script)
        exchange.require(symbol for _, fault in steps for symbol in getattr(fault, "symbols", ()))
        async with exchange.serve() as address, Director(exchange.faults, exchange.clock) as director:
            with served(control_port, director):
                director.play(steps)
                health.ready()
                log.info("serving", extra=fields(ws=address.ws, rest=address.rest, symbols=len(exchange.listings)))
                await stopping.wait()

    run("exchange", service, process)


def listed(symbols: tuple[str, ...], count: int | None, replay: Path | None) -> tuple[str, ...]:
    """The generated symbols that the options ask for: both kinds, or the well-known ones if neither was given."""
    if not symbols and count is None:
        return () if replay else tuple(KNOWN)
    return (*symbols, *(listing.symbol for listing in listings(count or 0)))

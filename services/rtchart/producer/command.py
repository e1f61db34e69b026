"""``rtchart producer``."""

from __future__ import annotations

import asyncio
import logging
import socket

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import BeginTrace
from rtchart.broker.table import Table
from rtchart.broker.topics import BACKFILL, DEAD_LETTERS, KLINES, REPAIRS, STREAMS, SYMBOLS
from rtchart.core.interval import HOUR
from rtchart.core.messages import GapOpened, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.venues import connect, venue
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.process.run import Process, run, until_stopped
from rtchart.process.tracing import open_traces
from rtchart.producer.ledger import Patience
from rtchart.producer.listing import keep_asking, keep_time
from rtchart.producer.past import keep_filling_back
from rtchart.producer.repair import keep_repairing
from rtchart.producer.requests import Requests
from rtchart.producer.service import Producer
from rtchart.producer.session import LEAVE_WITHIN, Session
from rtchart.producer.states import States, keep_exporting
from rtchart.producer.tracing import Sampled
from rtchart.producer.track import HISTORY_PAGES

log = logging.getLogger(__name__)

BACKFILL_SHARE = 0.25
"""Of the venue's rate limit, for what is older than the seconds."""


@click.command("producer")
@options.exchange
@options.exchange_ws
@options.exchange_rest
@kafka_options.cluster("rtchart-producer")
@options.option(
    "--instance",
    socket.gethostname,
    show_default="the host's name",
    metavar="NAME",
    help="Under which name this producer writes what it sees; two at once need two.",
)
@options.option(
    "--history-hours",
    6.0,
    type=click.FloatRange(min=0),
    help=f"Hours of the past to fetch for a symbol that is new; less for many symbols, none for over {HISTORY_PAGES}.",
)
@options.option(
    "--backfill-share",
    BACKFILL_SHARE,
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Share of the exchange's rate limit for older history (spec.historyDays), at most; what is live goes first.",
)
@options.otlp_endpoint
@options.option(
    "--trace-one-in",
    1_000,
    type=click.IntRange(min=1),
    metavar="N",
    help="With --otlp-endpoint, one in so many klines of the stream is traced, on its way through all services.",
)
@options.service
def command(
    exchange: str,
    exchange_ws: str | None,
    exchange_rest: str | None,
    cluster: Cluster,
    instance: str,
    history_hours: float,
    backfill_share: float,
    otlp_endpoint: str | None,
    trace_one_in: int,
    process: Process,
) -> None:
    """Read the exchange's 1-second klines and put them on Kafka, whole.

    Which symbols: those in the topic rtchart.symbols, as it changes. What does not come by the stream is fetched by REST;
    what the exchange lacks too is said to be absent.
    """

    async def service(health: Health, stopping: asyncio.Event) -> None:
        place = venue(exchange, ws=exchange_ws, rest=exchange_rest)
        history = int(history_hours * HOUR)
        with open_traces("producer", otlp_endpoint) as traces:
            begin_trace = Sampled(traces, trace_one_in, cluster.name(KLINES)) if traces else None
            await serve(
                place,
                cluster,
                instance,
                health,
                stopping,
                history=history,
                backfill_share=backfill_share,
                begin_trace=begin_trace,
            )

    run("producer", service, process)


async def serve(
    venue: Venue,
    cluster: Cluster,
    instance: str,
    health: Health,
    stopping: asyncio.Event,
    *,
    patience: Patience | None = None,
    history: int = 0,
    backfill_share: float = BACKFILL_SHARE,
    begin_trace: BeginTrace | None = None,
) -> None:
    """Run the service until ``stopping`` is set. Raises `Unavailable` when Kafka is not there at the start.

    ``history`` (ms) is how much of the past a symbol gets that is new, ``begin_trace`` is asked for each kline.
    """
    await ensure_topics(cluster, (KLINES, BACKFILL, SYMBOLS, STREAMS, REPAIRS, DEAD_LETTERS))
    before = await Table(cluster, STREAMS, StreamState).snapshot()
    clock = VenueClock()
    stream, rest = connect(venue, clock)
    unhurried = rest.sharing(backfill_share)
    producer = Producer(venue.name, stream, clock, health, states=before, patience=patience, history=history)
    session = Session(cluster, producer.outbox, health, begin_trace=begin_trace)
    states = States(producer, instance, session.put, before=before)
    requests = Requests(producer, session.end)

    async def follow() -> None:
        async for changes in Table(cluster, SYMBOLS, DesiredSymbol).follow():
            producer.desire(changes)
            health.ready()

    async def bury() -> None:
        letters = producer.letters
        while True:
            together = [await letters.get()]
            while not letters.empty():
                together.append(letters.get_nowait())
            await session.bury(together)

    connected = asyncio.create_task(session.keep())
    try:
        await until_stopped(
            stopping,
            asyncio.shield(connected),
            follow(),
            stream.run(producer.sink),
            producer.keep_ticking(),
            keep_repairing(producer, rest),
            keep_filling_back(producer, unhurried, session.fill_back),
            keep_asking(producer, rest, unhurried),
            keep_time(producer, rest),
            states.keep_writing(),
            requests.follow(Table(cluster, REPAIRS, GapOpened)),
            requests.keep_ending(),
            keep_exporting(producer, rest),
            bury(),
        )
        await _farewell(states)
    finally:
        connected.cancel()
        await asyncio.wait([connected])
        await unhurried.aclose()
        await rest.aclose()


async def _farewell(states: States) -> None:
    """Write how far all came, if Kafka takes it at once; if not, the next start refills more than it had to."""
    try:
        async with asyncio.timeout(LEAVE_WITHIN):
            await states.acknowledge()
            await states.write(everything=True)
    except Exception as error:  # whatever Kafka's client raises: its absence shall not turn the end into a failure
        log.warning("the last states were not written", extra=fields(error=repr(error)))

"""A kline's trace, from the exchange to a browser's socket and to the database, as a collector gets it of three processes."""

from __future__ import annotations

import json
from itertools import pairwise

from websockets.asyncio.client import connect

from rtchart.core.interval import SECOND
from rtchart.sim.exchange import Config, Exchange
from tests.collector import Collector, Span, collector
from tests.pipeline.conftest import Run
from tests.waiting import wait_until

STAGES = {
    "kline",
    "exchange_to_received",
    "received_to_published",
    "send",
    "published_to_consumed",
    "consumed_to_sent",
    "published_to_inserted",
}


def whole(there: Collector, symbol: str) -> dict[str, Span] | None:
    """A trace of the symbol that has a span of each stage, by stage; topics' names have a prefix in tests."""
    for trace in there.traces().values():
        spans = {name.partition(" ")[0]: span for name, span in trace.items()}
        if spans.keys() == STAGES and spans["kline"].attributes["rtchart.symbol"] == symbol:
            return spans
    return None


async def test_a_klines_trace_has_every_stage(pipeline: Run) -> None:
    with collector() as there:
        more = {"OTLP_ENDPOINT": there.address, "TRACE_ONE_IN": "1"}
        async with Exchange(Config(symbols=("BTCUSDT", "ETHUSDT"))).serve() as address, pipeline(address, 0, more) as running:
            await running.want("BTCUSDT", "ETHUSDT")
            await running.start()
            await running.web_is_ready()
            async with connect(f"ws://127.0.0.1:{running.port}/ws") as socket:
                await socket.send(json.dumps({"op": "subscribe", "symbol": "BTCUSDT", "interval": "1m"}))
                spans = await wait_until(lambda: whole(there, "BTCUSDT"), 60)
            open_time = spans["kline"].attributes["rtchart.open_time"]
            rows = await running.fetch(
                "SELECT version FROM kline_1s JOIN symbol USING (symbol_id) WHERE symbol = 'BTCUSDT' AND open_time = $1",
                open_time,
            )
            assert len(rows) == 1
            codes = await running.stop()
        assert set(codes.values()) == {0}
        # Nobody looked at the other symbol, so nobody was sent it.
        unseen = [trace for trace in there.traces().values() if _symbols(trace) == {"ETHUSDT"}]
        assert any("published_to_consumed" in trace for trace in unseen)
        assert not any("consumed_to_sent" in trace for trace in unseen)

    assert {spans[name].service for name in ("kline", "exchange_to_received", "received_to_published", "send")} == {
        "rtchart-producer"
    }
    assert spans["published_to_consumed"].service == spans["consumed_to_sent"].service == "rtchart-web"
    assert spans["published_to_inserted"].service == "rtchart-inserter"
    # What happens in other processes follows from the record, what happens in one from what was before it.
    send = spans["send"].id
    assert spans["published_to_consumed"].parent == spans["published_to_inserted"].parent == send
    assert spans["consumed_to_sent"].parent == spans["published_to_consumed"].id
    assert isinstance(open_time, int)
    assert open_time + SECOND <= spans["kline"].start // 1_000_000
    # One stage begins where the one before it ends.
    way = ("exchange_to_received", "received_to_published", "published_to_consumed", "consumed_to_sent")
    for before, after in pairwise(way):
        assert spans[before].end == spans[after].start, after
        assert spans[after].start <= spans[after].end
    place = spans["published_to_consumed"].attributes
    assert place["messaging.system"] == "kafka"
    for name in ("messaging.destination.partition.id", "messaging.kafka.offset"):
        assert place[name] == spans["published_to_inserted"].attributes[name]


def _symbols(trace: dict[str, Span]) -> set[object]:
    return {span.attributes["rtchart.symbol"] for span in trace.values()}

"""The whole way from a simulated exchange, whose time runs twenty times as fast, to Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from rtchart.broker.cluster import Cluster
from rtchart.core.interval import DAY, SECOND
from rtchart.core.messages import StreamState
from rtchart.exchange.binance.attempts import Attempts
from rtchart.exchange.binance.rest import BinanceRest
from rtchart.producer.ledger import Patience
from rtchart.sim.exchange import Address, Config, Exchange
from tests.producer.venue import EPOCH, Topics, producer, topics, whole
from tests.waiting import wait_until

RATE = 20
PATIENT = Patience(silence=60 * SECOND)
"""Where there is to be no gap: a quarter of a second in which a busy machine does nothing else is five of the venue's."""


@pytest.fixture
def cluster(kafka: str, topic_prefix: str) -> Cluster:
    return Cluster(kafka, topic_prefix)


@pytest.fixture
async def there(cluster: Cluster) -> AsyncIterator[Topics]:
    async with topics(cluster) as made:
        yield made


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(Config(symbols=("BTCUSDT", "ETHUSDT", "币安人生USDT"), rate=RATE, history_days=2))


@pytest.fixture
async def address(exchange: Exchange) -> AsyncIterator[Address]:
    async with exchange.serve() as served:
        yield served


async def streaming(there: Topics, *symbols: str) -> None:
    """Wait until the producer says that they stream, and klines of each were read."""

    def streams(name: str) -> bool:
        state = there.state(name)
        return state is not None and state.status == "streaming" and bool(there.klines(name))

    await wait_until(lambda: all(map(streams, symbols)))


async def test_a_symbol_asked_for_is_streamed(cluster: Cluster, there: Topics, address: Address) -> None:
    async with producer(cluster, address) as running:
        await wait_until(lambda: not running.health.reasons)  # nothing is asked for, so nothing has to come
        await there.want("BTCUSDT", "币安人生USDT")
        await streaming(there, "BTCUSDT", "币安人生USDT")
        assert not running.health.reasons
        (kline, *_) = there.klines("BTCUSDT")
        assert (kline.exchange, kline.source, kline.epoch) == ("sim", "stream", EPOCH)
        assert 0 < kline.received_us <= kline.published_us
        assert kline.version > kline.open_time + SECOND
        assert all(key == identity for key, identity in there.keys)
        (listing,) = await wait_until(lambda: there.listings("BTCUSDT"))
        assert listing.listed_day % DAY == 0
        assert listing.tick_size.startswith("0.0")
        until = there.last("BTCUSDT") + 20 * SECOND
        await wait_until(lambda: whole(there, "BTCUSDT", until))


async def test_what_the_stream_skips_is_announced_then_repaired(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    await there.want("BTCUSDT", "ETHUSDT")
    async with producer(cluster, address, patience=PATIENT):
        await streaming(there, "BTCUSDT", "ETHUSDT")
        start = there.last("BTCUSDT") + 10 * SECOND
        exchange.faults.skip_seconds("BTCUSDT", start, start + 3 * SECOND)
        await wait_until(lambda: whole(there, "BTCUSDT", start + 5 * SECOND))
        (gap,) = [gap for gap in there.gaps("BTCUSDT") if gap.start == start]
        assert (gap.end, gap.reason, gap.epoch) == (start + 3 * SECOND, "step", EPOCH)
        (repair,) = [kline for kline in there.klines("BTCUSDT") if kline.open_time == start]
        assert (repair.source, repair.epoch) == ("repair", EPOCH)
        assert there.records.index(gap) < there.records.index(repair)
        assert not [gap for gap in there.gaps("ETHUSDT") if gap.start >= start]


async def test_a_silent_symbol_converges(cluster: Cluster, there: Topics, address: Address, exchange: Exchange) -> None:
    """The stream is silent and REST is not; then the stream is back. No second is missing, and none is waited for."""
    await there.want("BTCUSDT", "ETHUSDT")
    async with producer(cluster, address):
        await streaming(there, "BTCUSDT", "ETHUSDT")
        exchange.faults.mute("BTCUSDT")
        silent_from = there.last("BTCUSDT")
        await wait_until(lambda: (state := there.state("BTCUSDT")) and state.status == "stale")
        await wait_until(lambda: there.last("BTCUSDT") > silent_from + 8 * SECOND)
        assert {gap.reason for gap in there.gaps("BTCUSDT") if gap.start > silent_from} == {"silence"}
        exchange.faults.unmute("BTCUSDT")
        await streaming(there, "BTCUSDT")
        until = there.last("BTCUSDT") + 10 * SECOND
        await wait_until(lambda: whole(there, "BTCUSDT", until))
        state = there.state("ETHUSDT")
        assert state is not None
        assert state.status == "streaming"


async def test_what_the_exchange_lacks_is_absent(cluster: Cluster, there: Topics, address: Address, exchange: Exchange) -> None:
    await there.want("BTCUSDT")
    async with producer(cluster, address, patience=Patience(absent=15_000)):
        await streaming(there, "BTCUSDT")
        start = there.last("BTCUSDT") + 10 * SECOND
        exchange.faults.absent("BTCUSDT", start, start + 4 * SECOND)
        await wait_until(lambda: whole(there, "BTCUSDT", start + 20 * SECOND))
        assert there.absent("BTCUSDT") == [(start, start + 4 * SECOND)]
        assert not [kline for kline in there.klines("BTCUSDT") if start <= kline.open_time < start + 4 * SECOND]


@pytest.mark.parametrize("how", ["stopped", "crashed"])
async def test_a_start_refills_from_the_watermark(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange, how: str
) -> None:
    await there.want("BTCUSDT")
    async with producer(cluster, address) as first:
        await streaming(there, "BTCUSDT")
        await (first.stop() if how == "stopped" else first.crash())
    last = there.last("BTCUSDT")
    await wait_until(lambda: exchange.clock.now() > last + 30 * SECOND)
    async with producer(cluster, address, instance="two"):
        await wait_until(lambda: whole(there, "BTCUSDT", last + 40 * SECOND))
    # A word may be there twice, at another time, and the first one's own of a silence too: a quarter of a second is five here.
    said = [gap for gap in there.gaps("BTCUSDT") if gap.reason == "start" and gap.start <= last + 10 * SECOND < gap.end]
    assert said and min(gap.start for gap in said) <= last + SECOND
    refilled = {kline.open_time for kline in there.klines("BTCUSDT") if kline.source == "repair"}
    assert refilled >= set(range(last + 2 * SECOND, last + 25 * SECOND, SECOND))
    # The last state, written at the end, says how far all is whole.
    await wait_until(lambda: (state := there.state("BTCUSDT", "two")) and (state.watermark or 0) > last + 40 * SECOND)


async def test_a_first_history_that_was_interrupted_is_fetched_by_the_next(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    past = 2_500 * SECOND
    exchange.faults.reject_rest(503, requests=1_000_000)
    await there.want("BTCUSDT")
    async with producer(cluster, address, history=past) as first:
        await streaming(there, "BTCUSDT")
        state = there.state("BTCUSDT")
        assert state is not None
        ((start, end),) = state.history
        assert end - start == past
        await first.crash()
    exchange.faults.reject_rest(503, requests=0)
    async with producer(cluster, address):  # which gives no new symbol a history
        await wait_until(lambda: whole(there, "BTCUSDT", end) and there.klines("BTCUSDT"))
        await wait_until(lambda: min(kline.open_time for kline in there.klines("BTCUSDT")) == start)
        await wait_until(lambda: (state := there.state("BTCUSDT")) and not state.history)
        await wait_until(lambda: not there.missing("BTCUSDT"))  # of the live seconds some may be on their way
    assert {kline.source for kline in there.klines("BTCUSDT") if kline.open_time < end} == {"backfill"}
    assert not [gap for gap in there.gaps("BTCUSDT") if gap.start < end]


async def test_since_when_a_symbol_is_listed_is_asked_once_and_told_at_each_start(
    cluster: Cluster, there: Topics, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    listed_day = BinanceRest.listed_day

    async def counted(rest: BinanceRest, symbol: str) -> int | None:
        asked.append(symbol)
        return await listed_day(rest, symbol)

    monkeypatch.setattr(BinanceRest, "listed_day", counted)
    await there.want("BTCUSDT", "ETHUSDT")
    async with producer(cluster, address):
        await wait_until(lambda: there.listings("BTCUSDT") and there.listings("ETHUSDT"))
    async with producer(cluster, address):
        await wait_until(lambda: len(there.listings("BTCUSDT")) == len(there.listings("ETHUSDT")) == 2)
    assert sorted(asked) == ["BTCUSDT", "ETHUSDT"]
    assert len({listing.listed_day for listing in there.listings("BTCUSDT")}) == 1


async def test_the_word_of_an_instance_that_is_gone_is_taken_and_cleared(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    watermark = exchange.clock.now() // SECOND * SECOND - 2_500 * SECOND
    gone = StreamState(
        exchange="sim", symbol="BTCUSDT", instance="gone", at=0, status="streaming", epoch=EPOCH, watermark=watermark
    )
    await there.was(gone, replace(gone, symbol="DELETED", instance="one"), replace(gone, exchange="binance"))
    await there.want("BTCUSDT")
    async with producer(cluster, address):
        await wait_until(lambda: there.tombstones >= {"sim:BTCUSDT/gone", "sim:DELETED/one"})
        await wait_until(lambda: there.klines("BTCUSDT"))
        await wait_until(lambda: min(kline.open_time for kline in there.klines("BTCUSDT")) <= watermark)
        await wait_until(lambda: whole(there, "BTCUSDT", watermark + 2_520 * SECOND))
    assert min(kline.open_time for kline in there.klines("BTCUSDT")) == watermark
    assert "binance:BTCUSDT/gone" not in there.tombstones


async def test_a_watermark_of_an_earlier_life_is_no_watermark(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    begun = exchange.clock.now()
    await there.was(
        StreamState(
            exchange="sim",
            symbol="BTCUSDT",
            instance="one",
            at=0,
            status="streaming",
            epoch=EPOCH - 1,
            watermark=begun // SECOND * SECOND - 500 * SECOND,
        )
    )
    await there.want("BTCUSDT")
    async with producer(cluster, address):
        await streaming(there, "BTCUSDT")
        assert min(kline.open_time for kline in there.klines("BTCUSDT")) > begun - 5 * SECOND


async def test_a_lost_connection_is_made_again_and_refilled(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds; drawn, it may be over before a second is missed.
    monkeypatch.setattr(Attempts.__init__, "__defaults__", (lambda low, high: 5 / RATE,))
    await there.want("BTCUSDT", "ETHUSDT")
    async with producer(cluster, address):
        await streaming(there, "BTCUSDT", "ETHUSDT")
        last = there.last("BTCUSDT")
        exchange.faults.disconnect_all(1008, "Too many requests")
        await wait_until(lambda: exchange.faults.connections == 1)
        await streaming(there, "BTCUSDT", "ETHUSDT")
        exchange.faults.disconnect_all()
        until = last + 60 * SECOND
        await wait_until(lambda: whole(there, "BTCUSDT", until) and whole(there, "ETHUSDT", until))
        assert "reconnect" in {gap.reason for gap in there.gaps("BTCUSDT")}


async def test_a_shutdown_of_the_server_loses_and_repairs_nothing(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    await there.want("BTCUSDT", "ETHUSDT")
    async with producer(cluster, address, patience=PATIENT):
        await streaming(there, "BTCUSDT", "ETHUSDT")
        before = len(there.gaps("BTCUSDT"))
        exchange.faults.shutdown_notice()
        await wait_until(lambda: exchange.faults.connections == 2)
        await wait_until(lambda: exchange.faults.connections == 1)
        until = there.last("BTCUSDT") + 10 * SECOND
        await wait_until(lambda: whole(there, "BTCUSDT", until))
        assert len(there.gaps("BTCUSDT")) == before


async def test_bad_frames_are_kept_and_the_stream_goes_on(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    await there.want("BTCUSDT")
    async with producer(cluster, address):
        await streaming(there, "BTCUSDT")
        exchange.faults.inject("{]")
        exchange.faults.inject('{"stream":"btcusdt@trade","data":{"e":"trade"}}')
        await wait_until(lambda: len(there.letters) == 2)
        assert [(letter.reason, letter.payload, letter.stage, letter.exchange) for letter in there.letters] == [
            ("malformed_frame", "{]", "producer", "sim"),
            ("unknown_message", '{"stream":"btcusdt@trade","data":{"e":"trade"}}', "producer", "sim"),
        ]
        until = there.last("BTCUSDT") + 10 * SECOND
        await wait_until(lambda: whole(there, "BTCUSDT", until))
        assert exchange.faults.connections == 1


async def test_unknown_and_halted_symbols_are_said_to_be(
    cluster: Cluster, there: Topics, address: Address, exchange: Exchange
) -> None:
    exchange.faults.set_status("ETHUSDT", "BREAK")
    await there.want("BTCUSDT", "ETHUSDT", "NOSUCHUSDT")
    async with producer(cluster, address):
        await streaming(there, "BTCUSDT")
        refused = await wait_until(lambda: (state := there.state("NOSUCHUSDT")) and state.status == "refused" and state)
        assert refused.detail == "sim does not list NOSUCHUSDT"
        halted = await wait_until(lambda: (state := there.state("ETHUSDT")) and state.status == "halted" and state)
        assert "does not trade it now" in halted.detail
        assert there.gaps("NOSUCHUSDT") == []


async def test_suspended_time_is_no_gap_and_a_tombstone_ends_it(cluster: Cluster, there: Topics, address: Address) -> None:
    await there.want("BTCUSDT", "ETHUSDT")
    async with producer(cluster, address):
        await streaming(there, "BTCUSDT", "ETHUSDT")
        await there.want("BTCUSDT", suspend=True)
        await wait_until(lambda: (state := there.state("BTCUSDT")) and state.status == "suspended")
        last = there.last("BTCUSDT")
        until = last + 60 * SECOND
        await wait_until(lambda: there.last("ETHUSDT") > until)
        await there.want("BTCUSDT")
        await streaming(there, "BTCUSDT")
        await wait_until(lambda: there.last("BTCUSDT") > until)
        (pause,) = there.missing("BTCUSDT")  # all of it is suspended time, and nobody was told of a gap in it
        assert pause[1] - pause[0] > 40 * SECOND
        assert not [gap for gap in there.gaps("BTCUSDT") if gap.start < pause[1] and gap.end > pause[0]]

        await there.forget("BTCUSDT")
        await wait_until(lambda: "sim:BTCUSDT/one" in there.tombstones)
        assert there.state("BTCUSDT") is None
        await there.want("BTCUSDT", epoch=EPOCH + 1)
        await streaming(there, "BTCUSDT")
        assert there.klines("BTCUSDT")[-1].epoch == EPOCH + 1

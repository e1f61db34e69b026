"""`rtchart verify` on the real services: it finds what is not as the exchange has it, and has it mended."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import REPAIRS, SYMBOLS
from rtchart.core.gap import normal
from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.messages import GapOpened
from rtchart.core.symbol import DesiredSymbol
from rtchart.sim.exchange import Address, Config, Exchange
from tests.corners import own_database, own_topics
from tests.pipeline.running import Pipeline
from tests.pipeline.together import fast_clock
from tests.tools.verifying import Said, begin, end, window
from tests.waiting import wait_until

WHOLE = "ETHUSDT"
"""Nothing of it is touched."""
WRONG = "BTCUSDT"
"""Of which rows are changed and mended again."""
LACKING = "SOLUSDT"
"""Of which the exchange has not all."""


class Market(NamedTuple):
    """The services, the exchange that they read, and half an hour of its past that they have stored."""

    exchange: Exchange
    address: Address
    running: Pipeline
    kafka: str
    prefix: str
    past: int
    """When that begins: with a period of five minutes."""

    async def verify(
        self, *arguments: object, user: str = "", exchange: Address | str = "", kafka: str = "", prefix: str | None = None
    ) -> Said:
        """Run it on the past, or as the arguments say."""
        times = () if "--from" in arguments else window(self.past, self.past + 25 * MINUTE)
        host = self.running.database.rpartition("@")[2]
        process = await begin(
            *(*times, *arguments),
            database=f"postgresql://{user}@{host}" if user else self.running.database,
            exchange=exchange or self.address,
            kafka=kafka or self.kafka,
            prefix=self.prefix if prefix is None else prefix,
        )
        return await end(process)


@pytest.fixture(scope="module")
async def started(
    tmp_path_factory: pytest.TempPathFactory, kafka: str, postgres: str, migrated_template: str
) -> AsyncIterator[Market]:
    """What the tests below share; each looks at symbols or seconds of its own."""
    symbols = (WHOLE, WRONG, LACKING)
    exchange = Exchange(Config(symbols=symbols), clock=fast_clock())
    folder = tmp_path_factory.mktemp("pipeline")
    async with (
        own_topics(kafka) as prefix,
        own_database(postgres, migrated_template) as database,
        exchange.serve() as address,
    ):
        running = Pipeline(folder, kafka=kafka, prefix=prefix, database=database, exchange=address, history_hours=0.6)
        try:
            await running.want(*symbols, intervals=("1m", "5m"))
            await running.start("producer", "inserter", "aggregator")

            async def begins() -> int | None:  # the oldest page of the past comes first
                rows = await running.fetch("SELECT min(open_time) FROM kline_1s WHERE source = 'b' GROUP BY symbol_id")
                return max(row[0] for row in rows) if len(rows) == len(symbols) else None

            first = await wait_until(begins, 60)
            past = first // (5 * MINUTE) * 5 * MINUTE + 5 * MINUTE
            market = Market(exchange, address, running, kafka, prefix, past)

            async def whole() -> bool:
                said = await market.verify()
                assert said.code == 0, said
                return True

            await wait_until(whole, 90, every=0.5)
            yield market
        finally:
            await running.stop()


@pytest.fixture
def market(started: Market) -> Iterator[Market]:
    """The same, and what the services said beside a test that failed."""
    yield started
    print(started.running.logs())


async def test_what_is_whole_is_said_to_be_so_by_whoever_may_read(market: Market) -> None:
    said = await market.verify("--symbol", WHOLE, user="rtchart_web")
    assert (said.code, said.out.splitlines()[-1]) == (3, "not all was compared; what was is whole: 1 symbol, 1500 s, 0 candles")
    assert "permission denied for table candle_fill); name the database's owner in --database" in said.err
    said = await market.verify("--symbol", WHOLE, user="rtchart_aggregator")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1:] == [
        "  1500 s compared, 1500 s equal",
        "  candles compared with the fold of their seconds: 25 of 1m, 5 of 5m",
        "  candles compared with the exchange's: 25 of 1m, 5 of 5m",
        "whole: 1 symbol, 1500 s, 30 candles",
    ]
    (compared,) = (await market.verify("--symbol", WHOLE, "--interval", "5m", "--json")).objects
    assert (compared["seconds"], compared["equal"], compared["candles_with_fold"]) == (1500, 1500, {"5m": 5})


async def test_the_newest_seconds_are_left_out(market: Market) -> None:
    said = await market.verify("--symbol", WHOLE, "--from", "1m")
    assert said.out.splitlines()[-1].endswith("; the newest 10 s are left out, as they may be under way")
    before = market.exchange.clock.now()
    *_, compared = (await market.verify("--symbol", WHOLE, "--from", "5m", "--json")).objects
    now = market.exchange.clock.now()
    assert before - 11 * SECOND < compared["end"] <= now - 10 * SECOND


async def test_what_was_changed_is_found_and_mended_the_way_of_every_second(market: Market) -> None:
    running, past = market.running, market.past
    (symbol,) = await running.fetch("SELECT symbol_id FROM symbol WHERE symbol = $1", WRONG)
    of = symbol["symbol_id"]
    at = past + 65 * SECOND
    other = past + 8 * MINUTE
    await running.fetch(
        "DELETE FROM kline_1s WHERE symbol_id = $1 AND open_time >= $2 AND open_time < $3", of, at, at + 7 * SECOND
    )
    await running.fetch("UPDATE kline_1s SET close = close + 1 WHERE symbol_id = $1 AND open_time = $2", of, other + SECOND)
    small, large, gone = past + 12 * MINUTE, past + 15 * MINUTE, past + 21 * MINUTE
    changed = "UPDATE candle SET volume = volume + 1 WHERE symbol_id = $1 AND interval = $2 AND open_time = $3"
    await running.fetch(changed, of, "1m", small)
    await running.fetch(changed, of, "5m", large)  # whose minutes are right, and so lead to no fold of it
    await running.fetch("DELETE FROM candle WHERE symbol_id = $1 AND interval = '1m' AND open_time = $2", of, gone)

    said = await market.verify("--symbol", WRONG, "--json")
    assert said.code == 1
    assert said.found("missing") == [("1s", at, at + 7 * SECOND, "")]
    assert said.found("different") == [("1s", other + SECOND, other + 2 * SECOND, "")]
    assert said.found("no_candle") == [("1m", gone, gone + MINUTE, "60 s of it are stored")]
    wrong = [("1m", small, small + MINUTE, ""), ("5m", large, large + 5 * MINUTE, "")]
    assert said.found("fold") == said.found("candle") == wrong
    assert said.found("excess") == []  # the candles of the missing seconds know them, and are right
    (different,) = (one for one in said.objects if one["kind"] == "different")
    (pair,) = different["figures"]
    assert float(pair["stored"]["close"]) == float(pair["other"]["close"]) + 1
    assert (await market.verify("--symbol", WHOLE, "--symbol", WRONG)).code == 1
    assert (await market.verify("--symbol", WHOLE)).code == 0

    # Several runs, as of a CronJob: each asks for what is wrong by then.
    said = await market.verify("--symbol", WRONG, "--repair", "--patience", "60")
    assert said.code == 0, said
    assert f"asked for {7 + 1} s to be fetched again and 2 of 1m, 1 of 5m to be folded again" in said.err
    before, _, after = said.out.partition("not whole: ")
    assert "candle differs from its fold: 5m" in before
    assert after.splitlines()[2] == "  1500 s compared, 1500 s equal"
    assert (await market.verify("--symbol", WRONG)).code == 0

    gaps = await running.fetch("SELECT start_time, end_time, state, reason FROM gap WHERE symbol_id = $1", of)
    asked = {(gap["state"], gap["reason"]) for gap in gaps if gap["reason"] == "verify"}
    assert asked == {("repaired", "verify")}
    ranges = normal((gap["start_time"], gap["end_time"]) for gap in gaps if gap["reason"] == "verify")
    assert ranges == [(at, at + 7 * SECOND), (other + SECOND, other + 2 * SECOND)]
    assert not await Table(running.cluster, REPAIRS, GapOpened).snapshot()
    revisions = await running.fetch(
        "SELECT revision FROM candle WHERE symbol_id = $1 AND (interval, open_time) IN (('1m', $2), ('5m', $3))",
        of,
        small,
        large,
    )
    assert all(row["revision"] > 1 for row in revisions)  # which open charts have been told of


async def test_what_the_exchange_lacks_too_is_no_fault(market: Market) -> None:
    exchange, running = market.exchange, market.running
    start = exchange.clock.now() // MINUTE * MINUTE + MINUTE + 20 * SECOND
    exchange.faults.absent(LACKING, start, start + 9 * SECOND)

    async def absent() -> bool:
        rows = await running.fetch("SELECT start_time, end_time FROM gap WHERE state = 'absent'")
        return normal((row[0], row[1]) for row in rows) == [(start, start + 9 * SECOND)]

    await wait_until(absent, 90)
    minute = start - 20 * SECOND

    async def told() -> bool:
        said = await market.verify("--symbol", LACKING, "--interval", "1m", "--json", *window(minute, minute + MINUTE))
        assert said.code == 0, said
        found = said.found("absent")
        assert normal((low, high) for _, low, high, _ in found) == [(start, start + 9 * SECOND)]
        assert {note for *_, note in found} == {"in the ledger as absent"}
        assert said.found("incomplete") == [("1m", minute, minute + MINUTE, "9 s absent at the exchange")]
        return True

    await wait_until(told, 30, every=0.5)


async def test_what_we_alone_have_is_told_and_a_closed_exchange_is_no_other(market: Market) -> None:
    twin = Exchange(Config(symbols=(WHOLE,)), clock=market.exchange.clock)
    at = market.past + 3 * MINUTE
    twin.faults.absent(WHOLE, at, at + 2 * SECOND)
    async with twin.serve() as address:
        said = await market.verify("--symbol", WHOLE, "--json", exchange=address)
    assert said.code == 1
    assert said.found("alone") == [("1s", at, at + 2 * SECOND, "")]
    assert said.found("missing") == said.found("different") == []
    said = await market.verify("--symbol", WHOLE, exchange=address)
    assert (said.code, said.out) == (3, "")
    assert f"sim could not be asked: {address.rest}/api/v3/time gave no answer" in said.err


async def test_told_to_wait_it_waits_and_says_so(market: Market) -> None:
    twin = Exchange(Config(symbols=(WHOLE,)), clock=market.exchange.clock)
    async with twin.serve() as address:
        twin.faults.reject_rest(429, retry_after=1, requests=2)
        said = await market.verify("--symbol", WHOLE, exchange=address)
    assert said.code == 0
    assert said.err.splitlines() == ["rtchart verify: sim says to wait for 1 s; waiting"] * 2


async def test_stopped_it_tells_what_it_found_until_then(market: Market) -> None:
    # Enough for the first seconds, and for no candles: the rest of it comes minutes later.
    twin = Exchange(Config(symbols=(WHOLE, WRONG), weight_limit=5), clock=market.exchange.clock)
    at = market.past + 3 * MINUTE
    twin.faults.absent(WRONG, at, at + 2 * SECOND)
    async with twin.serve() as address:
        process = await begin(
            *("--symbol", WHOLE, "--symbol", WRONG, *window(market.past, market.past + 5 * MINUTE)),
            database=market.running.database,
            exchange=address,
            kafka=market.kafka,
            prefix=market.prefix,
        )
        assert process.stderr is not None
        assert b"sim says to wait for" in await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said = await end(process)
    assert said.code == 1
    assert "  ours alone: " in said.out and "it was stopped before its end" in said.out
    assert said.err.splitlines()[-1] == "rtchart verify: stopped before the end"


async def test_without_kafka_the_symbols_are_those_of_the_database(market: Market) -> None:
    said = await market.verify("--interval", "5m", kafka="127.0.0.1:1")
    assert said.code == 0, said
    assert {line.split()[0] for line in said.out.splitlines() if line.startswith("sim:")} == {
        f"sim:{symbol}" for symbol in (WHOLE, WRONG, LACKING)
    }
    assert "comparing the symbols that the database knows, because no Kafka broker answers at 127.0.0.1:1" in said.err


async def test_what_is_wanted_and_was_never_stored_is_not_whole(market: Market, topic_prefix: str) -> None:
    cluster = Cluster(market.kafka, topic_prefix)
    await ensure_topics(cluster)
    async with cluster.producer() as producer:
        await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put({"sim:XRPUSDT": DesiredSymbol("sim", "XRPUSDT", 1)})
    said = await market.verify("--json", prefix=topic_prefix)
    assert said.code == 1
    assert [one["symbol"] for one in said.objects if one["kind"] == "unstored"] == ["sim:XRPUSDT"]


async def test_that_no_producer_does_what_is_asked_for_is_told(market: Market, topic_prefix: str) -> None:
    at = market.past + 10 * MINUTE
    twin = Exchange(Config(symbols=(LACKING,), seed=2), clock=market.exchange.clock)  # of which every second is another one
    async with twin.serve() as address:
        once = ("--symbol", LACKING, *window(at, at + 5 * SECOND), "--repair", "--patience", "1")
        said = await market.verify(*once, exchange=address, prefix=topic_prefix)
        assert said.code == 1
        assert f"has no topic {topic_prefix}rtchart.repairs, so no producer ever ran with it" in said.err
        cluster = Cluster(market.kafka, topic_prefix)
        await ensure_topics(cluster)
        said = await market.verify(*once, exchange=address, prefix=topic_prefix)
    assert said.code == 1
    assert "no producer of sim has written to rtchart.streams; what was asked for stays on rtchart.repairs" in said.err
    assert "5 s are not stored as the exchange has them yet: the producer has not done 1 of what it was asked for" in said.err
    (asked,) = (await Table(cluster, REPAIRS, GapOpened).snapshot()).values()
    assert (asked.start, asked.end, asked.reason, asked.epoch) == (at, at + 5 * SECOND, "verify", 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--symbol", "NONE"), "the database never had NONE of sim; it has BTCUSDT, ETHUSDT, SOLUSDT"),
        (("--from", "1h", "--to", "2h"), ") is not before --to ("),
        (("--from", "5s"), "leaves nothing to compare"),
        (("--exchange", "binance", "--exchange-rest", "http://127.0.0.1:1"), "no symbol of binance is wanted or stored"),
        (("--exchange-rest", "127.0.0.1"), "which is no address"),
        (("--kafka-user", "somebody"), "--kafka-user"),
    ],
)
async def test_a_wrong_option_is_told_from_something_wrong(market: Market, arguments: tuple[str, ...], sentence: str) -> None:
    said = await market.verify(*arguments)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


async def test_a_database_that_is_away_is_told(market: Market) -> None:
    process = await begin(database="postgresql://a@127.0.0.1:1/b", exchange=market.address, kafka=market.kafka)
    said = await end(process)
    assert (said.code, said.out) == (3, "")
    assert "PostgreSQL does not answer at 127.0.0.1:1/b" in said.err


async def test_who_may_not_have_candles_folded_again_is_told_before_anything_is_asked_for(market: Market) -> None:
    (candle,) = await market.running.fetch(
        """UPDATE candle SET volume = volume + 1 FROM symbol WHERE symbol.symbol_id = candle.symbol_id AND symbol = $1
           AND interval = '5m' AND open_time = $2 RETURNING candle.symbol_id""",
        LACKING,
        market.past,
    )
    once = ("--symbol", LACKING, "--repair", *window(market.past, market.past + 5 * MINUTE))
    said = await market.verify(*once, user="rtchart_aggregator")
    assert said.code == 1
    assert "permission denied for table candle_fill); name the database's owner in --database" in said.err
    assert said.out.count("not whole: ") == 1
    assert (await market.verify(*once)).code == 0
    fills = await market.running.fetch("SELECT * FROM candle_fill WHERE symbol_id = $1", candle["symbol_id"])
    assert fills == []  # and all before it was folded anew

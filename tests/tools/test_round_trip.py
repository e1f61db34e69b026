"""From the inserter, or the producer, to a letter, and back into the table when the cause is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from rtchart.broker.cluster import Cluster
from rtchart.broker.dead_letters import DeadLetterPublisher
from rtchart.broker.publisher import Publisher
from rtchart.broker.topics import KLINES
from rtchart.core.interval import SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import DeadLetter, KlineMessage, UnreadableRecord, read_kline_message
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from tests.exchange import klines as frames
from tests.inserter.running import becomes, expected, inserter, rows
from tests.klines import kline
from tests.tools.conftest import Want
from tests.tools.running import Tool
from tests.waiting import wait_until

ODD = 77
"""Trades of the second that is not taken."""
WANTED = DesiredSymbol("sim", "BTCUSDT", 7)


@pytest.fixture
async def publisher(cluster: Cluster) -> AsyncIterator[Publisher]:
    async with cluster.producer() as producer, Publisher(producer, cluster, KLINES) as publisher:
        yield publisher


@pytest.fixture
def sent() -> list[Kline]:
    """Three seconds of ten minutes ago, the second of which is the odd one."""
    start = now_ms() // SECOND * SECOND - 600 * SECOND
    return [kline(start + n * SECOND, epoch=WANTED.epoch, trades=ODD if n == 1 else n) for n in range(3)]


async def letters(connection: asyncpg.Connection) -> list[tuple[int, str]]:
    found = await connection.fetch("SELECT dead_letter_id, reason FROM dead_letter ORDER BY 1")
    return [tuple(row) for row in found]


async def test_a_row_that_was_refused_is_stored_once_when_the_database_takes_it(
    tool: Tool,
    cluster: Cluster,
    database: str,
    connection: asyncpg.Connection,
    publisher: Publisher,
    want: Want,
    sent: list[Kline],
) -> None:
    await want(WANTED)
    await connection.execute(f"ALTER TABLE kline_1s ADD CONSTRAINT even_mood CHECK (trades <> {ODD})")
    async with inserter(cluster, database):
        await publisher.publish(sent)
        await wait_until(lambda: becomes(letters(connection), [(1, "refused_row")]))
        _, out, _ = await tool("list", "--json", "--symbol", "sim:BTCUSDT")
        assert "db-1" in out and "even_mood" in out

        assert (await tool("replay", "db-1")).code == 0
        await wait_until(lambda: becomes(letters(connection), [(2, "refused_row")]), 30)  # the cause is not gone

        await connection.execute("ALTER TABLE kline_1s DROP CONSTRAINT even_mood")
        assert (await tool("replay", "--all", "--yes")).code == 0, "its copies on the topic are no letters of their own"
        await wait_until(lambda: becomes(rows(connection), expected(sent)), 30)
        assert await letters(connection) == []


async def test_a_record_that_an_older_version_could_not_read_is_stored_once_by_a_newer(
    tool: Tool,
    cluster: Cluster,
    database: str,
    connection: asyncpg.Connection,
    publisher: Publisher,
    want: Want,
    sent: list[Kline],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def older(value: bytes) -> KlineMessage:
        message = read_kline_message(value)
        if isinstance(message, Kline) and message.trades == ODD:
            raise UnreadableRecord("unheard of")
        return message

    await want(WANTED)
    with monkeypatch.context() as before:
        before.setattr("rtchart.inserter.plan.read_kline_message", older)
        async with inserter(cluster, database):
            await publisher.publish(sent)
            await wait_until(lambda: becomes(letters(connection), [(1, "unreadable_record")]))
    async with inserter(cluster, database):
        assert (await tool("replay", "db-1")).out == "db-1: handed on, a record of sim:BTCUSDT\n"
        await wait_until(lambda: becomes(rows(connection), expected(sent)), 30)
        assert await letters(connection) == []


async def test_what_was_corrected_since_stays_corrected(
    tool: Tool,
    cluster: Cluster,
    database: str,
    connection: asyncpg.Connection,
    publisher: Publisher,
    want: Want,
    sent: list[Kline],
) -> None:
    await want(WANTED)
    odd = sent[1]
    corrected = msgspec.structs.replace(odd, trades=ODD + 1, version=odd.version + 60_000, source="repair")
    await connection.execute(f"ALTER TABLE kline_1s ADD CONSTRAINT even_mood CHECK (trades <> {ODD})")
    async with inserter(cluster, database):
        await publisher.publish(sent)
        await wait_until(lambda: becomes(letters(connection), [(1, "refused_row")]))
        await connection.execute("ALTER TABLE kline_1s DROP CONSTRAINT even_mood")
        await publisher.publish([corrected])
        await wait_until(lambda: becomes(rows(connection), expected([sent[0], corrected, sent[2]])))
        assert (await tool("replay", "db-1")).code == 0
        later = kline(odd.open_time + 10 * SECOND, epoch=WANTED.epoch)
        await publisher.publish([later])  # after it on the same partition
        await wait_until(lambda: becomes(rows(connection), expected([sent[0], corrected, sent[2], later])))
        assert await letters(connection) == []


async def test_a_frame_that_an_older_producer_could_not_read_is_stored_once_however_often_it_is_replayed(
    tool: Tool,
    cluster: Cluster,
    database: str,
    connection: asyncpg.Connection,
    publisher: Publisher,
    want: Want,
    sent: list[Kline],
) -> None:
    await want(WANTED)
    odd = sent[1]
    frame = frames.frame(open_time=odd.open_time, n=ODD)
    content = DeadLetter(
        at=now_ms(), stage="producer", reason="malformed_frame", detail="unheard of", payload=frame.decode(), exchange="sim"
    )
    async with DeadLetterPublisher(cluster, patience=10) as dead, inserter(cluster, database):
        await dead.publish([content])
        await publisher.publish([sent[0], sent[2]])
        await wait_until(lambda: becomes(rows(connection), expected([sent[0], sent[2]])))
        for _ in range(2):
            code, out, _ = await tool("replay", "kafka-0", database=None)
            assert code == 0 and out.startswith("kafka-0: handed on, a record of sim:BTCUSDT")
            await wait_until(lambda: becomes(rows(connection), expected(sent)), 30)
        assert await letters(connection) == []

"""Each verb of ``rtchart dead-letters``, as a person runs it, on the real servers."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest
from aiokafka.admin import NewTopic

from rtchart.broker.cluster import Cluster
from rtchart.broker.dead_letters import DeadLetterPublisher, span
from rtchart.broker.topics import DEAD_LETTERS, KLINES
from rtchart.core.interval import HOUR, SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import DeadLetter, GapOpened, decode_kline_message, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.store import dead_letters as table
from rtchart.store.gaps import GapRow, save
from rtchart.store.klines import ensure_partitions, insert, prepare
from tests.corners import make_topics
from tests.exchange import klines as frames
from tests.klines import kline
from tests.tools.conftest import Want
from tests.tools.running import Tool

NOW = now_ms()
MINUTES_35_AGO = datetime.fromtimestamp(NOW / 1000 - 35 * 60, UTC).isoformat(timespec="seconds")
"""Not ``35m``: the letters are of when this module was read, and a whole run takes minutes."""
T0 = NOW // SECOND * SECOND - 600 * SECOND
WANTED = DesiredSymbol("sim", "BTCUSDT", 7)


def inserters(minutes: int, **fields: object) -> DeadLetter:
    """A letter of the inserter, so many minutes old, on its own second."""
    value = encode(kline(T0 + minutes * SECOND, epoch=7)).decode()
    values = {"symbol": "BTCUSDT", "reason": "refused_row", "payload": value, "topic": "rtchart.klines", **fields}
    return DeadLetter(
        **{
            "at": NOW - minutes * 60_000,
            "stage": "inserter",
            "detail": "why",
            "exchange": "sim",
            "partition": 3,
            "offset": 42,
            **values,
        }
    )


def producers(minutes: int, **fields: object) -> DeadLetter:
    """… of the producer."""
    payload = frames.frame(open_time=T0 + minutes * SECOND).decode()
    values = {"reason": "malformed_frame", "detail": "what", "payload": payload, **fields}
    return DeadLetter(**{"at": NOW - minutes * 60_000, "stage": "producer", "exchange": "sim", **values})


async def put(cluster: Cluster, *letters: DeadLetter) -> None:
    """On the topic, in this order."""
    async with DeadLetterPublisher(cluster, patience=10) as publisher:
        await publisher.publish(letters)


async def on_klines(cluster: Cluster) -> list[tuple[bytes, bytes]]:
    """The keys and values on ``rtchart.klines``, by partition."""
    found = []
    async with cluster.consumer() as consumer:
        partitions = cluster.topic_partitions(KLINES, KLINES.partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        for partition, end in (await consumer.end_offsets(partitions)).items():
            while await consumer.position(partition) < end:
                record = await consumer.getone(partition)
                found.append((record.key, record.value))
    return found


async def ids(connection: asyncpg.Connection) -> list[int]:
    return [row[0] for row in await connection.fetch("SELECT dead_letter_id FROM dead_letter ORDER BY 1")]


@pytest.fixture
async def letters(cluster: Cluster, connection: asyncpg.Connection) -> None:
    """db-1 to db-3, two of which have copies on the topic, kafka-0 and kafka-3; and kafka-1 and kafka-2 of the producer."""
    topic = cluster.name(KLINES)
    first, second, third = (
        inserters(50, topic=topic),
        inserters(30, topic=topic, symbol="ETHUSDT"),
        inserters(10, topic=topic, reason="unreadable_record", symbol=None, exchange=None, payload="rubbish"),
    )
    await table.keep(connection, [first, second, third])
    await put(cluster, first, producers(40), producers(20, reason="invalid_kline", symbol="BTCUSDT"), second)


# ── list ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_there_is_said(tool: Tool) -> None:
    assert await tool("list") == (0, "no dead letters\n", "")
    assert await tool("list", "--since", "1h") == (0, "no dead letters that fit\n", "")
    assert (await tool("list", "--json")).out == ""
    assert await tool("replay", "--all") == (0, "no dead letters\n", "")
    assert await tool("drop", "--all") == (0, "no dead letters of the inserter\n", "")


async def test_both_places_are_listed_by_time_and_copies_are_not(tool: Tool, letters: None) -> None:
    code, out, err = await tool("list")
    assert (code, err) == (0, "")
    assert re.findall(r"^(\S+)  ", out, re.MULTILINE) == ["ID", "db-1", "kafka-1", "db-2", "kafka-2", "db-3"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--reason", "refused_row"], ["db-1", "db-2"]),
        (["--reason", "malformed_frame"], ["kafka-1"]),
        (["--symbol", "BTCUSDT"], ["db-1", "kafka-2"]),
        (["--symbol", "sim:BTCUSDT", "--reason", "invalid_kline"], ["kafka-2"]),
        (["--symbol", "binance:BTCUSDT"], []),
        (["--since", MINUTES_35_AGO], ["db-2", "kafka-2", "db-3"]),
        (["--since", "1970-01-01"], ["db-1", "kafka-1", "db-2", "kafka-2", "db-3"]),
    ],
)
async def test_some_of_them_can_be_asked_for(tool: Tool, letters: None, options: list[str], expected: list[str]) -> None:
    code, out, err = await tool("list", "--json", *options)
    assert (code, err) == (0, "")
    assert [msgspec.json.decode(line)["id"] for line in out.splitlines()] == expected


async def test_the_newest_are_listed_and_it_is_said_that_there_are_more(tool: Tool, letters: None) -> None:
    code, out, err = await tool("list", "--json", "--limit", "2")
    assert [msgspec.json.decode(line)["id"] for line in out.splitlines()] == ["kafka-2", "db-3"]
    assert (code, err) == (0, "rtchart dead-letters: only the newest 2 are listed; --limit lists more\n")
    assert (await tool("list", "--limit", "5")).err == ""


async def test_json_has_all_of_a_letter(tool: Tool, connection: asyncpg.Connection) -> None:
    content = inserters(1)
    await table.keep(connection, [content])
    found = msgspec.json.decode((await tool("list", "--json")).out)
    assert found.pop("id") == "db-1"
    assert msgspec.convert(found, DeadLetter) == content


async def test_one_place_is_listed_when_the_other_is_missing(tool: Tool, letters: None) -> None:
    code, out, err = await tool("list", "--json", database=None)
    assert (code, [msgspec.json.decode(line)["id"] for line in out.splitlines()]) == (0, ["kafka-1", "kafka-2"])
    missing = "the inserter's letters (db-…) are not listed: their database is not known; give it with --database"
    assert err == f"rtchart dead-letters: {missing}\n"
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    code, out, err = await tool("list", "--json", kafka=nobody)
    assert (code, [msgspec.json.decode(line)["id"] for line in out.splitlines()]) == (0, ["db-1", "db-2", "db-3"])
    assert f"the producer's letters (kafka-…) are not listed: no Kafka broker answers at {nobody}" in err
    code, out, err = await tool("list", topic_prefix="nobody.")
    assert code == 0 and "has no topic nobody.rtchart.dead-letters" in err
    code, out, err = await tool("list", kafka=nobody, database=None)
    assert (code, out) == (1, "") and "the inserter's letters" in err and "the producer's letters" in err


# ── show ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_show_prints_all_of_each_in_the_order_asked_for(tool: Tool, letters: None) -> None:
    code, out, err = await tool("show", "kafka-2", "db-3", "db-1")
    assert (code, err) == (0, "")
    assert re.findall(r"^(?:db|kafka)-\d$", out, re.MULTILINE) == ["kafka-2", "db-3", "db-1"]
    assert (
        '\n{\n  "stream": "btcusdt@kline_1s",\n' in out and "\nrubbish\n" in out and f'\n  "open_time": {T0 + 50_000},\n' in out
    )


async def test_show_says_what_it_does_not_find(tool: Tool, letters: None) -> None:
    code, out, err = await tool("show", "db-99", "db-1", "kafka-99", "kafka-0")
    assert code == 1 and out.startswith("db-1\n")
    assert sorted(err.splitlines()) == [
        "db-99: there is no such letter (any more)",
        "kafka-0: it is a copy of one of the inserter's, which is in the database; `list` tells its id there",
        "kafka-99: there is no such letter (any more)",
    ]
    code, out, err = await tool("show", "db-1", "kafka-1", database=None)
    assert code == 1 and out.startswith("kafka-1\n") and err == "db-1: their database is not known; give it with --database\n"


# ── replay ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_replayed_is_on_the_topic_and_what_is_not_stays(
    tool: Tool, cluster: Cluster, connection: asyncpg.Connection, letters: None, want: Want
) -> None:
    await want(WANTED)
    code, out, err = await tool("replay", "db-1", "kafka-1", "db-3", "db-9")
    assert code == 1
    assert out.splitlines() == [
        "db-1: handed on, a record of sim:BTCUSDT",
        "kafka-1: handed on, a record of sim:BTCUSDT; the letter stays until `drop --through kafka-1`",
    ]
    told = dict(line.split(": ", 1) for line in err.splitlines())
    assert told.keys() == {"db-3", "db-9"}
    assert "this version cannot use it either" in told["db-3"] and "no such letter" in told["db-9"]
    assert await ids(connection) == [2, 3]
    (one, other) = await on_klines(cluster)
    assert one == (b"sim:BTCUSDT", inserters(50).payload.encode())
    again = decode_kline_message(other[1])
    assert isinstance(again, Kline) and other[0] == b"sim:BTCUSDT"
    assert (again.open_time, again.epoch) == (T0 + 40_000, WANTED.epoch)
    assert await span(cluster) == (0, 4)


async def test_all_are_replayed_when_it_is_confirmed(
    tool: Tool, cluster: Cluster, connection: asyncpg.Connection, letters: None, want: Want
) -> None:
    await want(WANTED)
    code, out, err = await tool("replay", "--all", answer="n\n")
    assert (code, out) == (1, "") and err.startswith("Hand 5 letters to the pipeline again? [y/N]: ")
    assert await ids(connection) == [1, 2, 3] and await on_klines(cluster) == []
    code, out, err = await tool("replay", "--all", answer="y\n")
    assert (code, [line.split(":")[0] for line in out.splitlines()]) == (1, ["db-1", "db-2", "kafka-1", "kafka-2"])
    assert err.count("\n") == 1 and "db-3: this version cannot use it either" in err
    assert await ids(connection) == [3]
    assert len(await on_klines(cluster)) == 4
    await connection.execute("DELETE FROM dead_letter")
    assert (await tool("replay", "--all", "--yes")).code == 0


async def test_all_of_one_place_are_replayed_and_the_other_is_told(tool: Tool, letters: None, want: Want) -> None:
    await want(WANTED)
    code, out, err = await tool("replay", "--all", "--yes", database=None)
    assert (code, [line.split(":")[0] for line in out.splitlines()]) == (1, ["kafka-1", "kafka-2"])
    assert "the inserter's letters (db-…) are not replayed: their database is not known" in err


async def test_more_than_a_page_is_replayed(tool: Tool, cluster: Cluster, connection: asyncpg.Connection, want: Want) -> None:
    await want(WANTED)
    some = [inserters(minutes, topic=cluster.name(KLINES)) for minutes in range(250)]
    await table.keep(connection, some)
    await put(cluster, *(producers(minutes) for minutes in range(250, 460)))
    code, out, _ = await tool("replay", "--all", "--yes")
    assert (code, out.count("\n")) == (0, 460)
    assert await ids(connection) == []
    times = {decode_kline_message(value).open_time for _, value in await on_klines(cluster)}  # type: ignore[union-attr]
    assert times == {T0 + minutes * SECOND for minutes in range(460)}


async def test_a_letter_of_which_kafka_takes_nothing_stays(
    kafka: str, topic_prefix: str, tool: Tool, connection: asyncpg.Connection, want: Want
) -> None:
    """A broker that says no, as one does whose disk is full."""
    cluster = Cluster(kafka, f"{topic_prefix}small.")
    async with cluster.admin() as admin:
        small = {"max.message.bytes": "20"}
        await make_topics(
            admin,
            NewTopic(cluster.name(KLINES), KLINES.partitions, 1, topic_configs=small),
            NewTopic(cluster.prefix + "rtchart.symbols", 1, 1),
        )
        async with cluster.producer() as producer:
            await producer.send_and_wait(cluster.prefix + "rtchart.symbols", encode(WANTED), key=b"sim:BTCUSDT")
    await table.keep(connection, [inserters(1, topic=cluster.name(KLINES))])
    code, out, err = await tool("replay", "db-1", topic_prefix=cluster.prefix)
    assert (code, out) == (1, "") and "letters that were not told of stay, replay them again" in err
    assert await ids(connection) == [1]


async def test_a_gap_is_announced_again_only_while_nothing_is_known_of_it(
    tool: Tool, cluster: Cluster, connection: asyncpg.Connection, want: Want
) -> None:
    """The web would show one that was filled since as open."""
    await want(WANTED)
    (symbol_id,) = await connection.fetchrow(
        "INSERT INTO symbol (exchange, symbol) VALUES ('sim', 'BTCUSDT') RETURNING symbol_id"
    )
    gaps = [GapOpened("sim", "BTCUSDT", T0 + n * SECOND, T0 + (n + 10) * SECOND, "step", NOW, 7) for n in (0, 10, 20)]
    await table.keep(connection, [inserters(1, payload=encode(gap).decode(), topic=cluster.name(KLINES)) for gap in gaps])
    await ensure_partitions(connection, [T0 // HOUR * HOUR])
    await prepare(connection)
    async with connection.transaction():
        await insert(connection, {symbol_id: {T0: kline(T0)}})
    await save(connection, [GapRow(None, symbol_id, T0 + 19 * SECOND, T0 + 20 * SECOND, "absent", "step", NOW, NOW, NOW)])
    code, out, err = await tool("replay", "--all", "--yes")
    assert (code, out) == (1, "db-3: handed on, a record of sim:BTCUSDT\n")
    assert [line.split(": ")[0] for line in err.splitlines()] == ["db-1", "db-2"]
    assert err.count("came since, or are in the ledger of gaps; drop it") == 2
    assert await on_klines(cluster) == [(b"sim:BTCUSDT", encode(gaps[2]))]


async def test_replay_needs_the_topics_of_the_pipeline_and_makes_none(
    tool: Tool, cluster: Cluster, connection: asyncpg.Connection
) -> None:
    await table.keep(connection, [inserters(1)])
    code, _, err = await tool("replay", "db-1", topic_prefix="nobody.")
    assert code == 1 and "has no topic nobody.rtchart.klines, nobody.rtchart.symbols" in err
    async with cluster.admin() as admin:
        assert not [name for name in await admin.list_topics() if name.startswith("nobody.")]


# ── drop ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_inserters_are_dropped_by_id(tool: Tool, connection: asyncpg.Connection, letters: None) -> None:
    assert await tool("drop", "db-1") == (0, "db-1: dropped\n", "")
    code, out, err = await tool("drop", "db-1", "kafka-1", "db-3")
    assert (code, out) == (1, "db-3: dropped\n")
    told = dict(line.split(": ", 1) for line in err.splitlines())
    assert told["db-1"] == "there is no such letter (any more)"
    assert told["kafka-1"].startswith("Kafka cannot remove one record") and "`drop --through kafka-1`" in told["kafka-1"]
    assert await ids(connection) == [2]


async def test_all_of_the_inserters_are_dropped_when_it_is_confirmed(
    tool: Tool, cluster: Cluster, connection: asyncpg.Connection, letters: None
) -> None:
    code, out, err = await tool("drop", "--all", answer="n\n")
    assert (code, out) == (1, "") and err.startswith("Delete 3 letters of the inserter for ever? [y/N]: ")
    assert await ids(connection) == [1, 2, 3]
    assert await tool("drop", "--all", "--yes") == (0, "dropped 3 letters of the inserter\n", "")
    assert await ids(connection) == [] and await span(cluster) == (0, 4)


async def test_the_producers_are_dropped_through_one(
    tool: Tool, cluster: Cluster, connection: asyncpg.Connection, letters: None
) -> None:
    code, out, err = await tool("drop", "--through", "kafka-1", answer="n\n")
    assert (code, out) == (1, "")
    assert err.startswith("Remove 1 letter of the producer, and 1 copies of the inserter's, from Kafka for ever? [y/N]: ")
    assert await span(cluster) == (0, 4)
    assert await tool("drop", "--through", "kafka-1", "--yes") == (0, "dropped 1 letter of the producer, up to kafka-1\n", "")
    assert await span(cluster) == (2, 4)
    _, out, _ = await tool("list", "--json")
    assert [msgspec.json.decode(line)["id"] for line in out.splitlines()] == ["db-1", "db-2", "kafka-2", "db-3"]
    code, _, err = await tool("drop", "--through", "kafka-1", "--yes")
    assert code == 1 and f"kafka-1 is not on the topic {cluster.name(DEAD_LETTERS)}; it has kafka-2 to kafka-3" in err
    assert (await tool("drop", "--through", "kafka-3", "--yes")).code == 0
    assert "it is empty" in (await tool("drop", "--through", "kafka-3", "--yes")).err
    assert await ids(connection) == [1, 2, 3]


async def test_who_may_only_read_is_told_who_may_more(
    tool: Tool, database: str, connection: asyncpg.Connection, letters: None
) -> None:
    web = f"postgresql://rtchart_web@{database.rpartition('@')[2]}"
    assert "db-1" in (await tool("list", database=web)).out
    code, out, err = await tool("drop", "--all", "--yes", database=web)
    assert (code, out) == (
        1,
        "",
    ) and "does not permit it (permission denied for table dead_letter); name the database's owner" in err
    inserter = f"postgresql://rtchart_inserter@{database.rpartition('@')[2]}"
    assert "permission denied for table dead_letter" in (await tool("list", database=inserter)).err
    assert await ids(connection) == [1, 2, 3]


# ── What cannot be meant ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show"], "Missing argument 'ID...'"),
        (["show", "17"], "'17' is no letter's id; one is db-17 (the inserter's) or kafka-42 (the producer's)"),
        (["replay"], "Say which letters: either by their IDs, as `list` tells them, or --all."),
        (["replay", "db-1", "--all"], "Say which letters"),
        (["drop"], "Say which letters: either by their IDs, as `list` tells them, or --all or --through."),
        (["drop", "db-1", "--all"], "Say which letters"),
        (["drop", "--all", "--through", "kafka-1"], "Say which letters"),
        (["drop", "--through", "db-1"], "--through is for the producer's letters (kafka-42); this one goes with `drop db-1`."),
        (["list", "--since", "yesterday"], "'yesterday' is no time; give ISO 8601 in UTC"),
        (["list", "--reason", "boredom"], "'boredom' is not one of"),
        (["list", "--limit", "0"], "0 is not in the range"),
    ],
)
async def test_what_cannot_be_meant_is_refused_before_anything_is_done(arguments: list[str], says: str) -> None:
    code, out, err = await Tool("dead-letters", kafka="127.0.0.1:1")(*arguments)
    assert (code, out) == (2, "") and says in err

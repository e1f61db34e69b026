"""The outbox, the loop and the command, with a real Kafka, without one, and with a database that goes away."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rtchart.aggregator import service
from rtchart.aggregator.run import publish_outbox, run
from rtchart.aggregator.service import follow
from rtchart.broker.admin import ensure_topics
from rtchart.broker.candles import RevisionPublisher
from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished
from rtchart.broker.topics import CANDLES
from rtchart.core.candle import of_second, of_venue
from rtchart.core.errors import UserError
from rtchart.core.interval import MINUTE
from rtchart.core.messages import Revision, decode
from rtchart.local.ports import free_ports
from rtchart.process.health import Health
from rtchart.store import outbox, venue
from rtchart.store.database import Connection
from rtchart.store.runs import alone
from tests import klines
from tests.aggregator.ground import OVER, START, Ground, minute, second
from tests.waiting import wait_until

LEVELS = ["1m", "5m", "15m", "1h", "4h", "1d"]


@pytest.fixture
async def cluster(kafka: str, topic_prefix: str) -> Cluster:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (CANDLES,))
    return cluster


@pytest.fixture
def nowhere() -> Cluster:
    return Cluster(f"127.0.0.1:{free_ports(1)[0]}")


async def read(cluster: Cluster, count: int) -> list[tuple[str, Revision]]:
    async with cluster.consumer(auto_offset_reset="earliest") as consumer:
        consumer.assign(cluster.topic_partitions(CANDLES, CANDLES.partitions))
        found: list[tuple[str, Revision]] = []
        async with asyncio.timeout(15):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [(record.key.decode(), decode(record.value, Revision)) for record in records]
        return found


def ready(health: Health) -> bool:
    assert not health.reasons, health.reasons
    return True


async def test_revisions_reach_kafka_and_leave_the_outbox(ground: Ground, cluster: Cluster) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0)[1:])
    async with RevisionPublisher(cluster) as publisher:
        assert (await run(ground.aggregator, publisher, lambda: OVER)) is not None
        await ground.put(symbol_id, [second(0)])
        assert (await run(ground.aggregator, publisher, lambda: OVER)) is not None
    assert await outbox.size(ground.owner) == 0
    found = await read(cluster, 12)
    assert {key for key, _ in found} == {"sim:TEST"}
    assert [(r.interval, r.candle.revision, r.candle.received) for _, r in found] == [
        *((name, 1, 59) for name in LEVELS),
        *((name, 2, 60) for name in LEVELS),
    ]


async def test_without_kafka_candles_are_stored_and_the_next_run_publishes(
    ground: Ground, cluster: Cluster, nowhere: Cluster
) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))
    async with RevisionPublisher(nowhere) as publisher:
        outcome = await run(ground.aggregator, publisher, lambda: OVER)
    assert outcome is not None and outcome.revisions == 6
    assert outcome.not_published is not None and nowhere.bootstrap in outcome.not_published
    assert (await ground.candles(symbol_id, "1d"))[START].received == 60
    assert await outbox.size(ground.owner) == 6
    assert nowhere.bootstrap in await ground.owner.fetchval("SELECT error FROM aggregation_run")
    async with RevisionPublisher(cluster) as publisher:
        again = await run(ground.aggregator, publisher, lambda: OVER)
    assert again is not None and (again.minutes, again.not_published) == (0, None)
    assert [r.interval for _, r in await read(cluster, 6)] == LEVELS
    assert await outbox.size(ground.owner) == 0


async def test_thousands_of_revisions_keep_their_order(cluster: Cluster) -> None:
    """More than a batch of Kafka's client holds, all of one symbol, so of one partition."""
    made = [of_second(second(number)) for number in range(4_000)]
    async with RevisionPublisher(cluster) as publisher:
        await publisher.publish([Revision("sim", "TEST", "1m", candle) for candle in made])
    assert [revision.candle for _, revision in await read(cluster, len(made))] == made


async def test_a_candle_that_changed_while_it_waited_is_published_once_as_it_is_now(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m")
    await ground.put(symbol_id, minute(0)[1:])
    await ground.run(OVER)
    # Left of a run whose Kafka was away: a revision of this candle, and one of a candle that retention took since.
    await ground.owner.execute(
        "INSERT INTO candle_outbox (symbol_id, interval, open_time, revision) VALUES ($1, '1m', $2, 1), ($1, '5m', $2, 1)",
        symbol_id,
        START,
    )
    await ground.put(symbol_id, [second(0)])
    ground.kafka.revisions.clear()
    await ground.run(OVER)
    assert [(r.candle.revision, r.candle.received) for r in ground.kafka.revisions] == [(2, 60)]
    assert await outbox.size(ground.owner) == 0


async def test_a_kafka_too_slow_is_given_up_and_tried_again(ground: Ground, cluster: Cluster) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))
    async with RevisionPublisher(cluster, patience=0.0001) as publisher:
        outcome = await run(ground.aggregator, publisher, lambda: OVER)
        assert outcome is not None and outcome.not_published is not None
        with pytest.raises(NotPublished):
            await publish_outbox(ground.aggregator, publisher, OVER)
    assert await outbox.size(ground.owner) == 6


async def test_the_loop_folds_what_becomes_due_and_survives_the_loss_of_the_database(
    ground: Ground, database: str, cluster: Cluster
) -> None:
    symbol_id = await ground.want("TEST", "1m")
    health = Health()
    async with RevisionPublisher(cluster) as publisher:
        loop = asyncio.create_task(follow(database, publisher, lambda: OVER, health))
        await wait_until(lambda: not health.reasons)
        await ground.put(symbol_id, minute(0))
        await wait_until(lambda: ground.candles(symbol_id))
        await wait_until(lambda: ground.owner.fetchval("SELECT count(*) = 0 FROM candle_outbox"))
        await ground.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rtchart-aggregator' "
            "AND datname = current_database() AND pid <> ALL($1)",
            [ground.aggregator.get_server_pid()],
        )
        await ground.put(symbol_id, minute(1))
        await wait_until(lambda: loop.done() or ground.owner.fetchval("SELECT count(*) = 2 FROM candle"))
        assert not loop.done(), loop.result()
        await wait_until(lambda: ready(health))
        await wait_until(lambda: ground.owner.fetchval("SELECT count(*) = 0 FROM candle_outbox"))
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
    assert [r.candle.open_time - START for _, r in await read(cluster, 2)] == [0, 60_000]


async def test_the_loop_sends_what_an_earlier_process_could_not(
    ground: Ground, database: str, cluster: Cluster, nowhere: Cluster
) -> None:
    symbol_id = await ground.want("TEST", "1m")
    await ground.put(symbol_id, minute(0))
    async with RevisionPublisher(nowhere) as publisher:
        await run(ground.aggregator, publisher, lambda: OVER)
    async with RevisionPublisher(cluster) as publisher:
        loop = asyncio.create_task(follow(database, publisher, lambda: OVER, Health()))
        assert len(await read(cluster, 1)) == 1
        await wait_until(lambda: ground.owner.fetchval("SELECT count(*) = 0 FROM candle_outbox"))
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def test_kafka_is_not_called_well_while_another_run_holds_the_outbox(
    ground: Ground, database: str, nowhere: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's retries leave the work to that run; once they can do it themselves, they find how Kafka is."""
    monkeypatch.setattr(service, "RETRY", 0.05)
    tries: list[bool] = []

    @asynccontextmanager
    async def watched(connection: Connection) -> AsyncIterator[bool]:
        async with alone(connection) as mine:
            tries.append(mine)
            yield mine

    symbol_id = await ground.want("TEST", "1m")
    await ground.put(symbol_id, minute(0))
    health = Health()
    async with RevisionPublisher(nowhere, patience=0.5) as publisher:
        loop = asyncio.create_task(follow(database, publisher, lambda: OVER, health))
        await wait_until(lambda: "kafka" in health.reasons)
        monkeypatch.setattr(service.runs, "alone", watched)
        await ground.owner.execute(f"SELECT pg_advisory_lock({service.runs.LOCK})")  # waits, where a run does not
        await wait_until(lambda: loop.done() or tries.count(False) > 2)
        assert "kafka" in health.reasons
        await ground.owner.execute(f"SELECT pg_advisory_unlock({service.runs.LOCK})")
        await wait_until(lambda: loop.done() or tries[-1])
        assert not loop.done(), loop.result()
        assert "kafka" in health.reasons
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


class Silencing:
    """A Kafka that takes everything, and stops the database's process while it does."""

    def __init__(self) -> None:
        self.server = 0

    async def publish(self, revisions: object) -> None:
        os.kill(self.server, signal.SIGSTOP)


async def test_a_database_that_falls_silent_ends_a_run_in_one_sentence(
    ground: Ground, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtchart.aggregator.run.STEP", 0.5)
    symbol_id = await ground.want("TEST", "1m")
    await ground.put(symbol_id, minute(0))
    silencing = Silencing()
    connected = service.connect

    async def connect(*arguments: Any, **settings: Any) -> Connection:
        connection = await connected(*arguments, **settings)
        silencing.server = connection.get_server_pid()
        return connection

    monkeypatch.setattr(service, "connect", connect)
    try:
        async with asyncio.timeout(15):
            with pytest.raises(UserError, match="in the middle of the run"):
                await service.once(database, silencing, lambda: OVER)  # type: ignore[arg-type]
    finally:
        os.kill(silencing.server, signal.SIGCONT)
    assert len(await ground.candles(symbol_id)) == 1


async def command(*arguments: str, env: dict[str, str] | None = None) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from rtchart.cli import main; main()",
        "aggregator",
        *arguments,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    _, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, err.decode()


async def test_once_folds_and_ends_with_0(ground: Ground, database: str, cluster: Cluster) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))
    environment = {"RTCHART_KAFKA": cluster.bootstrap, "RTCHART_TOPIC_PREFIX": cluster.prefix, "RTCHART_DATABASE": database}
    code, err = await command("--once", env=environment)
    assert code == 0, err
    assert len(await ground.candles(symbol_id)) == 1
    async with alone(ground.aggregator) as mine:
        assert mine
        code, err = await command("--once", env=environment)
    assert code == 0 and "another run is under way" in err


async def test_once_without_kafka_stores_and_ends_with_1(ground: Ground, database: str, nowhere: Cluster) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))
    code, err = await command("--once", "--database", database, "--kafka", nowhere.bootstrap)
    assert code == 1
    assert "the candles are stored" in err.splitlines()[-1] and "Traceback" not in err
    assert len(await ground.candles(symbol_id)) == 1


async def test_a_database_without_the_schema_is_said_in_one_sentence(empty_database: str, nowhere: Cluster) -> None:
    code, err = await command("--once", "--database", empty_database, "--kafka", nowhere.bootstrap)
    assert code == 1
    assert "run `rtchart migrate`" in err.splitlines()[-1] and "Traceback" not in err


async def test_the_loop_ends_in_order_when_told(database: str, nowhere: Cluster) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from rtchart.cli import main; main()",
        "aggregator",
        "--database",
        database,
        "--kafka",
        nowhere.bootstrap,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    assert b"watching" in await asyncio.wait_for(process.stderr.readline(), 15)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0
    await process.stderr.read()


async def test_the_exchanges_own_minutes_are_folded_by_the_loop_though_no_second_is_due(
    ground: Ground, database: str, cluster: Cluster
) -> None:
    symbol_id = await ground.want("TEST", "1m", "5m")
    health = Health()
    async with RevisionPublisher(cluster) as publisher:
        loop = asyncio.create_task(follow(database, publisher, lambda: OVER, health))
        try:
            await wait_until(lambda: ready(health))
            await own_minutes(ground, symbol_id, 10)
            revisions = {(one.interval, one.candle.open_time) for _, one in await read(cluster, 12)}
        finally:
            loop.cancel()
            await asyncio.wait([loop])
    assert revisions == {
        *(("1m", START + number * MINUTE) for number in range(10)),
        *(("5m", START + number * 5 * MINUTE) for number in range(2)),
    }


async def test_the_exchanges_own_minutes_wait_while_kafka_takes_nothing(
    ground: Ground, nowhere: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of them would fill the outbox before what is live."""
    monkeypatch.setattr("rtchart.aggregator.venue.MINUTES", 5)
    symbol_id = await ground.want("TEST", "1m")
    for at in range(0, 50, 5):
        await own_minutes(ground, symbol_id, 5, first=at)
    async with RevisionPublisher(nowhere, patience=1) as publisher:
        for _ in range(3):
            outcome = await run(ground.aggregator, publisher, lambda: OVER)
            assert outcome is not None and outcome.not_published
    assert await outbox.size(ground.owner) == 5


async def own_minutes(ground: Ground, symbol_id: int, count: int, *, first: int = 0) -> None:
    """Store so many of the exchange's own, as the inserter does."""
    made = [of_venue(klines.venue(START + number * MINUTE)) for number in range(first, first + count)]
    async with ground.owner.transaction():
        await venue.write_minutes(ground.owner, [(symbol_id, candle) for candle in made])

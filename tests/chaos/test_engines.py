"""Kafka and PostgreSQL break in every way that they have, and several services of a kind run at once: nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from rtchart.local.kafka import Kafka
from rtchart.local.postgres import Postgres
from rtchart.store.migrate import migrate
from tests.chaos.world import World, world
from tests.pipeline.together import RATE
from tests.waiting import wait_until

OUTAGE = 60.0
"""Seconds of the machine; ten minutes of the exchange's time."""

SERVICES = ("producer", "inserter", "aggregator", "web")


class Own(NamedTuple):
    """A pipeline on engines of its own."""

    world: World
    kafka: Kafka
    postgres: Postgres


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Own]:
    with tempfile.TemporaryDirectory(prefix="rtchart-chaos-", ignore_cleanup_errors=True) as folder:
        async with Kafka(Path(folder) / "kafka", brief=True) as kafka, Postgres(Path(folder) / "postgres") as postgres:
            await migrated(postgres)
            where = tmp_path_factory.mktemp("engines")
            async with world(where, kafka=kafka.bootstrap, prefix="", database=postgres.url()) as running:
                yield Own(running, kafka, postgres)


async def run(*command: str) -> int:
    """The command's exit code."""
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def migrated(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.url())
    try:
        await migrate(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def judged(world: World, figure: Any, *, within: float = 120.0) -> AsyncIterator[None]:
    """What happens in the block leaves nothing missing; what was found is a figure."""
    since = world.now()
    await world.passes(5)
    try:
        yield
        back = await world.live_again(within=within)
        comparison = await world.whole(since, within=within)
    except BaseException:
        print(world.running.logs())
        raise
    figure("seconds published", comparison.compared)
    figure("lost", comparison.lost)
    figure("doubled", comparison.doubled)
    figure("by REST", await world.repaired(since))
    figure("live after", f"{back:.1f} s")


async def test_kafka_is_down_for_a_minute(own: Own, figure: Any) -> None:
    async with judged(own.world, figure):
        await own.kafka.stop()
        await own.world.passes(OUTAGE * RATE)
        await own.kafka.start()


async def killed(engine: Kafka | Postgres) -> None:
    """``kill -9``, and started again."""
    assert engine.child is not None
    os.kill(engine.child.pid, signal.SIGKILL)
    await engine.child.wait()
    await engine.start()


async def test_kafka_is_killed(own: Own, figure: Any) -> None:
    async with judged(own.world, figure):
        await killed(own.kafka)


async def test_postgresql_is_killed_in_the_middle_of_batches(own: Own, figure: Any) -> None:
    async with judged(own.world, figure):
        for _ in range(5):
            await killed(own.postgres)
            await own.world.passes(20)


async def test_postgresql_is_down_for_ten_minutes_of_the_exchange(own: Own, figure: Any) -> None:
    async with judged(own.world, figure):
        assert own.postgres.child is not None
        os.kill(own.postgres.child.pid, signal.SIGSTOP)  # hangs at first, and is then killed: both kinds of absence
        await own.world.passes(OUTAGE * RATE / 2)
        os.kill(own.postgres.child.pid, signal.SIGKILL)
        await own.postgres.child.wait()
        await own.world.passes(OUTAGE * RATE / 2)
        await own.postgres.start()


async def test_postgresql_has_no_connection_left(own: Own, figure: Any) -> None:
    async with judged(own.world, figure):
        taken: list[asyncpg.Connection] = []
        url = own.postgres.url(user="rtchart_web")
        try:
            admin = await asyncpg.connect(own.postgres.url())
            with suppress(asyncpg.TooManyConnectionsError):
                for _ in range(1_000):
                    taken.append(await asyncpg.connect(url))
            assert len(taken) < 1_000
            await admin.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE usename IN ('rtchart_inserter', 'rtchart_aggregator')"""
            )
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    taken.append(await asyncpg.connect(url))
            await own.world.passes(100)
            await admin.close()
        finally:
            await asyncio.gather(*(connection.close() for connection in taken))


async def test_a_statement_times_out(own: Own, figure: Any) -> None:
    """Somebody holds a lock on the table for longer than any statement may wait."""
    async with judged(own.world, figure):
        connection = await asyncpg.connect(own.postgres.url())
        async with connection.transaction():
            await connection.execute("LOCK TABLE kline_1s IN ACCESS EXCLUSIVE MODE")
            await own.world.passes(20 * RATE)
        await connection.close()


async def test_a_row_that_the_database_refuses_is_kept_and_comes_when_it_no_longer_does(own: Own, figure: Any) -> None:
    world = own.world
    async with judged(world, figure):
        connection = await asyncpg.connect(own.postgres.url())
        await connection.execute(
            "ALTER TABLE kline_1s ADD CONSTRAINT poison CHECK (open_time % 60000 <> 7000 OR open_time < $1) NOT VALID".replace(
                "$1", str(world.now())
            )
        )
        try:
            await world.passes(150)
            letters = await wait_until(
                lambda: connection.fetchval("SELECT count(*) FROM dead_letter WHERE reason = 'refused_row'"), 30
            )
        finally:
            await connection.execute("ALTER TABLE kline_1s DROP CONSTRAINT poison")
        figure("refused rows", letters)
        await connection.close()
        replay = await asyncio.create_subprocess_exec(
            *world.running.command("dead-letters", "replay", "--all", "--yes"),
            env=world.running.environment("inserter", DATABASE=own.postgres.url()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await replay.communicate()
        assert replay.returncode == 0, said.decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
async def test_the_disk_of_postgresql_is_full(own: Own, figure: Any, tmp_path: Path) -> None:
    disk = Path(tempfile.mkdtemp(prefix="rtchart-disk-"))
    if await run("mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(disk)):
        pytest.skip("a small disk cannot be mounted here")
    try:
        await asyncio.to_thread(disk.chmod, 0o755)
        async with Postgres(disk / "postgres") as postgres:
            await migrated(postgres)
            async with (
                world(tmp_path, kafka=own.kafka.bootstrap, prefix="full.", database=postgres.url()) as running,
                judged(running, figure),
            ):
                filler = disk / "filler"
                with suppress(OSError), filler.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(1024 * 1024))
                logs = disk / "postgres" / "postgres.log"
                log = logs if logs.exists() else postgres.log

                async def told() -> bool:
                    return "No space left" in log.read_text(errors="replace") or "No space left" in running.running.logs()

                await wait_until(told, 120, every=0.5)
                await running.passes(100)
                filler.unlink()
                assert postgres.child is not None
                if postgres.child.exit_code is not None:
                    await postgres.start()
    finally:
        await run("umount", "--lazy", str(disk))
        shutil.rmtree(disk, ignore_errors=True)


async def test_two_of_each_at_once_and_one_of_them_killed(own: Own, figure: Any) -> None:
    running = own.world.running
    async with judged(own.world, figure):
        more = [f"{name}#2" for name in ("producer", "inserter", "aggregator", "web")]
        await running.start(*more)
        try:
            await own.world.passes(150)
            for name in SERVICES:
                await running.restart(name)
                await own.world.passes(20)
        finally:
            for name in more:
                await running.kill(name)


async def test_an_owner_that_was_paused_past_its_lease_commits_late(own: Own, figure: Any) -> None:
    running = own.world.running
    async with judged(own.world, figure):
        await running.start("inserter#2")
        try:
            await own.world.passes(100)
            os.kill(running.pid("inserter"), signal.SIGSTOP)
            try:
                # Its partitions go to the other one, which commits what it had read and not stored.
                await own.world.live_again(within=90)
            finally:
                os.kill(running.pid("inserter"), signal.SIGCONT)
            await own.world.passes(100)
        finally:
            await running.kill("inserter#2")


async def test_a_hundred_kills_at_random_moments(own: Own, figure: Any, chance: random.Random) -> None:
    kills = int(os.environ.get("KILLS", "100"))
    began = time.monotonic()
    async with judged(own.world, figure):
        for _ in range(kills):
            await own.world.running.restart(chance.choice(SERVICES))
            await own.world.passes(chance.uniform(0, 2.5 * RATE))
        await own.world.running.web_is_ready()
    figure("kills", f"{kills} in {time.monotonic() - began:.0f} s")

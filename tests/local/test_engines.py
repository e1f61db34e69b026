"""The embedded engines: they keep what they were given, through stops and kills, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from rtchart.core.errors import UserError
from rtchart.local.kafka import Kafka
from rtchart.local.postgres import Postgres
from tests.corners import make_topics


async def query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def sockets_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


async def produce(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait("kept", value, partition=0)


async def consume(bootstrap: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        return [(await consumer.getone()).value for _ in range(count)]


async def test_postgres_is_18_and_keeps_its_data(folder: Path) -> None:
    async with Postgres(folder) as engine:
        await query(engine.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
    async with Postgres(folder) as engine:
        assert await query(engine.url(), "SELECT seven FROM kept") == 7
        assert str(await query(engine.url(), "SHOW server_version")).startswith("18")
        assert await query(engine.url(), "SHOW fsync") == "on"


async def test_postgres_after_kill_9(folder: Path) -> None:
    engine = await Postgres(folder).start()
    await query(engine.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
    assert engine.child
    os.killpg(engine.child.pid, signal.SIGKILL)
    await engine.child.wait()
    assert (folder / "data" / "postmaster.pid").exists()
    async with Postgres(folder) as again:
        assert await query(again.url(), "SELECT seven FROM kept") == 7


async def test_postgres_after_its_number_has_become_another_programs(folder: Path) -> None:
    async with Postgres(folder):
        stale = (folder / "data" / "postmaster.pid").read_text().splitlines()
    other = await asyncio.create_subprocess_exec("sleep", "60")
    (folder / "data" / "postmaster.pid").write_text("\n".join([str(other.pid), *stale[1:]]) + "\n")
    async with Postgres(folder) as engine:
        assert await query(engine.url(), "SELECT 1") == 1
    other.kill()
    await other.wait()


async def test_postgres_by_its_socket_alone_is_closed_to_others(folder: Path) -> None:
    async with Postgres(folder, port=None) as engine:
        assert await query(engine.url(), "SELECT inet_server_addr() IS NULL")
        assert engine.child
        connections = psutil.Process(engine.child.pid).net_connections(kind="tcp")
        assert not connections
        assert (folder / "socket").stat().st_mode & 0o077 == 0


async def test_postgres_in_a_folder_too_deep_for_a_socket(folder: Path) -> None:
    deep = folder / ("d" * 100)
    async with Postgres(deep, port=None) as engine:
        assert await query(engine.url(), "SELECT 1") == 1


async def test_postgres_is_where_it_was_after_a_start_that_failed(folder: Path) -> None:
    deep = folder / ("d" * 100)
    async with Postgres(deep, port=None) as engine:
        url = engine.url()
        sockets = sockets_of(url)
        assert not sockets.is_relative_to(deep)
        assert engine.child
        os.killpg(engine.child.pid, signal.SIGKILL)
        await engine.child.wait()
        settings = deep / "data" / "postgresql.auto.conf"
        settings.write_text("no setting")
        with pytest.raises(UserError, match="ended at once"):
            await engine.start()
        settings.write_text("")
        await engine.start()
        assert engine.url() == url
        assert await query(url, "SELECT 1") == 1
    assert not sockets.exists()


async def test_postgres_refuses_data_of_another_version(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(UserError, match="is PostgreSQL 16's, and this is PostgreSQL 18"):
        await Postgres(folder).start()


async def test_postgres_says_that_its_port_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="embedded postgres ended at once"):
        await Postgres(folder, port=taken.getsockname()[1]).start()
    assert "Address already in use" in (folder / "postgres.log").read_text()


async def test_a_folder_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(UserError, match=r"cannot write to .*choose another folder with --data-dir"):
        await Postgres(folder / "file" / "postgres").start()


async def test_kafka_keeps_its_records_after_kill_9_and_makes_no_topic_unasked(folder: Path) -> None:
    async with Kafka(folder, brief=True) as engine:
        admin = AIOKafkaAdminClient(bootstrap_servers=engine.bootstrap)
        await admin.start()
        await make_topics(admin, NewTopic("kept", 1, 1))
        with pytest.raises(UnknownTopicOrPartitionError):
            for topic in await admin.describe_topics(["not-made"]):
                raise UnknownTopicOrPartitionError if topic["error_code"] == 3 else AssertionError(topic)
        assert await admin.list_topics() == ["kept"]
        await admin.close()
        await produce(engine.bootstrap, b"1")
        assert engine.child
        os.killpg(engine.child.pid, signal.SIGKILL)
        await engine.child.wait()

    async with Kafka(folder, brief=True) as engine:
        await produce(engine.bootstrap, b"2")
        assert await consume(engine.bootstrap, 2) == [b"1", b"2"]
        child = engine.child
    assert child and child.exit_code in (0, 143), "stopped, not killed"


async def test_an_engine_ends_with_a_supervisor_that_was_killed(folder: Path) -> None:
    """And a start right after that waits for what is still ending."""
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys; from pathlib import Path; from rtchart.local.postgres import Postgres\n"
        "async def main():\n"
        "    print((await Postgres(Path(sys.argv[1])).start()).child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())",
        folder,
        stdout=asyncio.subprocess.PIPE,
    )
    assert supervisor.stdout
    pid = int(await supervisor.stdout.readline())
    supervisor.kill()
    await supervisor.wait()
    async with Postgres(folder) as postgres:
        assert await query(postgres.url(), "SELECT 1") == 1
        assert not psutil.pid_exists(pid)

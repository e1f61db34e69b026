"""A client whose start is cancelled leaves no connection behind."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from rtchart.broker.cluster import Cluster


class SlowBroker:
    """Between a client and a broker: holds each connection's second request, which is that for metadata, until it may go on."""

    def __init__(self, broker: str) -> None:
        self._host, _, self._port = broker.rpartition(":")
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(self._host, int(self._port))
        answering = asyncio.create_task(self._pass(from_broker, writer))
        try:
            to_broker.write(await self._frame(reader))
            metadata = await self._frame(reader)
            self.asked.set()
            await self.go_on.wait()
            to_broker.write(metadata)
            await self._pass(reader, to_broker)
        finally:
            answering.cancel()
            writer.close()
            to_broker.close()

    async def _frame(self, reader: asyncio.StreamReader) -> bytes:
        size = await reader.readexactly(4)
        return size + await reader.readexactly(int.from_bytes(size))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(65536):
            writer.write(some)


@pytest.fixture
async def slow(kafka: str) -> AsyncIterator[tuple[SlowBroker, Cluster]]:
    broker = SlowBroker(kafka)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    async with server:
        yield broker, Cluster(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")


@pytest.mark.parametrize("kind", [Cluster.admin, Cluster.producer, Cluster.consumer], ids=["admin", "producer", "consumer"])
async def test_cancelled_while_it_waits_for_metadata_it_closes_the_connection(
    slow: tuple[SlowBroker, Cluster], kind: type[AbstractAsyncContextManager[object]]
) -> None:
    broker, cluster = slow

    async def use() -> None:
        async with kind(cluster):
            raise AssertionError("it started")

    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        using = asyncio.create_task(use())
        async with asyncio.timeout(15):
            await broker.asked.wait()
        using.cancel()
        await asyncio.sleep(0)
        broker.go_on.set()
        await asyncio.wait([using])
        assert using.cancelled()
        gc.collect()
    assert [str(warning.message) for warning in told] == []

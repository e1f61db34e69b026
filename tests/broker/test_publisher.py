"""When records leave for Kafka, and together with which: with a client whose acknowledgements the test gives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtchart.broker import publisher as publishing
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import BeginTrace, Publisher
from rtchart.broker.topics import KLINES
from rtchart.core.kline import Kline
from rtchart.core.messages import decode_kline_message
from rtchart.process.tracing import Headers
from tests.klines import kline
from tests.waiting import wait_until


class Batch:
    """Records as they were appended; it has room for so many."""

    ROOM = 5

    def __init__(self) -> None:
        self.times: list[int] = []
        self.headers: list[Headers] = []

    def append(self, *, key: bytes, value: bytes, timestamp: int, headers: Headers) -> object | None:
        if len(self.times) == self.ROOM:
            return None
        message = decode_kline_message(value)
        assert isinstance(message, Kline)
        self.times.append(message.open_time)
        self.headers.append(headers)
        return object()


class Client:
    """The part of aiokafka's producer that is used."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.headers: list[list[Headers]] = []
        self._unanswered: list[asyncio.Future[None]] = []

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[None]:
        self.sent.append(batch.times)
        self.headers.append(batch.headers)
        self._unanswered.append(asyncio.get_running_loop().create_future())
        return self._unanswered[-1]

    def acknowledge(self) -> None:
        self._unanswered.pop(0).set_result(None)

    def refuse(self, error: Exception) -> None:
        self._unanswered.pop(0).set_exception(error)


def second(number: int) -> Kline:
    return kline(number * 1_000)


def made(linger: float = 0.0, begin_trace: BeginTrace | None = None) -> tuple[Client, Publisher]:
    client: Any = Client()
    return client, Publisher(client, Cluster("localhost:1"), KLINES, linger=linger, begin_trace=begin_trace)


class Traced:
    """A trace of which is known how it ended."""

    headers: Headers = (("traceparent", b"00-1-2-01"),)

    def __init__(self) -> None:
        self.ended: list[str] = []

    def end(self, at_us: int, error: str = "") -> None:
        self.ended.append(error)


async def test_what_comes_while_others_are_on_their_way_leaves_together_after_them() -> None:
    client, publisher = made()
    first = publisher.publish([second(1)])
    await wait_until(lambda: client.sent)
    later = [publisher.publish([second(number)]) for number in (2, 3)]
    assert later[0] is later[1] is not first
    client.acknowledge()
    await wait_until(lambda: len(client.sent) == 2)
    assert client.sent == [[1_000], [2_000, 3_000]]
    assert first.done() and not later[0].done()
    client.acknowledge()
    await later[0]


async def test_nothing_leaves_before_what_is_on_its_way_was_answered() -> None:
    """Though it has lingered: the future of the first ends, in one turn with the second's leaving."""
    client, publisher = made(linger=0.0)
    first = publisher.publish([second(1)])
    await wait_until(lambda: client.sent)
    publisher.publish([second(2)])
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.sent == [[1_000]]
    client.refuse(OSError("gone"))
    await wait_until(lambda: len(client.sent) == 2)
    assert isinstance(first.exception(), OSError)
    client.acknowledge()


async def test_a_full_window_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MAX_RECORDS", 3)
    client, publisher = made()
    publisher.publish([second(1)])
    await wait_until(lambda: client.sent)
    publisher.publish([second(2), second(3), second(4)])
    await wait_until(lambda: len(client.sent) == 2)
    assert client.sent == [[1_000], [2_000, 3_000, 4_000]]
    client.acknowledge()
    client.acknowledge()
    await publisher.flush()


async def test_leaving_sends_what_waits() -> None:
    client, publisher = made(linger=3_600)
    async with asyncio.TaskGroup() as group, publisher:
        publisher.publish([second(1)])

        async def answer() -> None:
            await wait_until(lambda: client.sent)
            waiting = publisher.publish([second(2)])
            client.acknowledge()
            await wait_until(lambda: len(client.sent) == 2)
            client.acknowledge()
            await waiting

        group.create_task(answer())
    assert client.sent == [[1_000], [2_000]]


async def test_a_trace_goes_with_its_kline_and_ends_with_kafkas_answer() -> None:
    traces = {2_000: Traced(), 3_000: Traced()}
    client, publisher = made(begin_trace=lambda kline, published_us, partition: traces.get(kline.open_time))
    publisher.publish([second(1), second(2)])
    await wait_until(lambda: client.sent)
    assert client.headers == [[[], list(Traced.headers)]]
    assert traces[2_000].ended == []
    client.acknowledge()
    await wait_until(lambda: traces[2_000].ended == [""])
    publisher.publish([second(3)])
    await wait_until(lambda: len(client.sent) == 2)
    client.refuse(OSError("gone"))
    await wait_until(lambda: traces[3_000].ended)
    assert traces[3_000].ended == ["OSError('gone')"]


async def test_a_trace_goes_with_its_kline_into_the_next_batch_when_one_is_full() -> None:
    client, publisher = made(begin_trace=lambda kline, published_us, partition: Traced() if kline.open_time == 6_000 else None)
    publisher.publish([second(number) for number in range(1, 8)])
    await wait_until(lambda: len(client.sent) == 2)
    assert client.sent == [[1_000, 2_000, 3_000, 4_000, 5_000], [6_000, 7_000]]
    assert client.headers[1] == [list(Traced.headers), []]
    client.acknowledge()
    client.acknowledge()
    await publisher.flush()

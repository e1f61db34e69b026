"""The controller's passes on a real Kafka and a real database, with an API server that only remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import msgspec

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import STREAMS, SYMBOLS
from rtchart.core.kline import Identity
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Listed, Rest, RestError
from rtchart.exchange.directory import Directory
from rtchart.process.clock import now_ms
from rtchart.store import symbols
from rtchart_operator.api import Api, ApiError
from rtchart_operator.conditions import Condition
from rtchart_operator.controller import FLAPS, FLAPS_WITHIN, Controller
from rtchart_operator.pipeline import Pipeline
from rtchart_operator.resource import Resource, resource
from rtchart_operator.storage import Storage
from tests.beside import beside
from tests.counting import counted
from tests.operator.material import body
from tests.waiting import wait_until


class Venue:
    """Lists everything but NOSUCH, when it answers."""

    silent = False

    async def listed(self, names: Iterable[str]) -> dict[str, Listed]:
        if self.silent:
            raise RestError("connection refused")
        return {name: Listed("unknown" if name == "NOSUCH" else "trading") for name in names}


class Server:
    """The API server, as far as the controller sees it: resources by name, and the Events that were made."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, str]] = []
        self.writes = 0
        self.away = False

    def apply(self, *bodies: dict[str, Any]) -> None:
        for one in bodies:
            self.bodies[one["metadata"]["name"]] = one

    async def list(self) -> tuple[list[Mapping[str, Any]], int]:
        self._answer()
        return list(self.bodies.values()), 1_000

    async def write_status(self, resource: Resource, conditions: Sequence[Condition]) -> Mapping[str, Any] | None:
        self._answer()
        if resource.name not in self.bodies:
            return None
        self.writes += 1
        one = msgspec.json.decode(msgspec.json.encode(self.bodies[resource.name]))
        one["metadata"]["resourceVersion"] = str(resource.version + 1)
        one["status"] = {"conditions": msgspec.to_builtins(conditions)}
        self.bodies[resource.name] = one
        return one

    async def tell(self, resource: Resource, condition: Condition, *, now: int) -> None:
        self._answer()
        self.events.append((resource.name, condition.reason))

    def said(self, name: str) -> dict[str, tuple[str, str]]:
        found = self.bodies[name]["status"].get("conditions", ())
        return {one["type"]: (one["status"], one["reason"]) for one in found}

    def _answer(self) -> None:
        if self.away:
            raise ApiError("the API server does not answer")


class Ground:
    """A controller at work."""

    def __init__(self, cluster: Cluster, database: str) -> None:
        self.server, self.venue = Server(), Venue()
        self.ahead = 0
        """Milliseconds that the controller's clock is ahead."""
        self.cluster = cluster
        self.pipeline = Pipeline(cluster, now_ms, lambda: self.controller.changed())
        self.storage = Storage(database, now_ms, lambda: self.controller.looked())
        self.controller = Controller(
            "market",
            api=cast(Api, self.server),
            pipeline=self.pipeline,
            storage=self.storage,
            directories={"sim": Directory(cast(Rest, self.venue), now_ms)},
            clock=lambda: now_ms() + self.ahead,
        )

    async def records(self) -> dict[str, DesiredSymbol]:
        return await Table(self.cluster, SYMBOLS, DesiredSymbol).snapshot()

    async def write(self, *states: StreamState) -> None:
        """As a producer does."""
        async with self.cluster.producer() as producer:
            changes = {f"{state.identity}/{state.instance}": state for state in states}
            await TableWriter[StreamState](producer, self.cluster, STREAMS).put({**changes})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        work = (
            self.pipeline.follow_symbols(),
            self.pipeline.follow_streams(),
            self.pipeline.keep_probing(),
            self.storage.keep_looking(),
            self.storage.keep_sweeping(),
            self.storage.keep_counting(),
            self.controller.keep_sweeping(),
            self.controller.keep_listing("sim"),
            self.controller.keep_publishing(),
            self.controller.keep_telling(),
            self.controller.keep_announcing(),
        )
        try:
            async with beside(*work):
                yield
        finally:
            await self.pipeline.aclose()


async def ground(kafka: str, prefix: str, database: str) -> Ground:
    cluster = Cluster(kafka, prefix)
    await ensure_topics(cluster, (SYMBOLS, STREAMS))
    return Ground(cluster, database)


async def test_what_is_applied_is_asked_for_and_what_is_seen_is_told(kafka: str, topic_prefix: str, database: str) -> None:
    stage = await ground(kafka, topic_prefix, database)
    server = stage.server
    server.apply(body("btc", "BTCUSDT"), body("nosuch", "NOSUCH"), body("again", "BTCUSDT", created="2026-11-22T10:00:01Z"))
    async with stage.running():
        await wait_until(lambda: server.said("nosuch").get("Ready") == ("False", "UnknownSymbol"))
        await wait_until(lambda: server.said("again").get("Ready") == ("False", "DuplicateSymbol"))
        await wait_until(lambda: "sim:BTCUSDT" in stage.pipeline.wanted)
        assert server.said("btc")["Streaming"] == ("Unknown", "Pending")
        record = (await stage.records())["sim:BTCUSDT"]
        assert record.name == "market/btc"

        now = now_ms()
        state = StreamState(
            exchange="sim", symbol="BTCUSDT", instance="p", at=now, status="streaming", epoch=record.epoch, last_open_time=now
        )
        await stage.write(state)
        await wait_until(lambda: server.said("btc")["Streaming"] == ("True", "Streaming"))
        await _store(database, record, now // 1000 * 1000)
        await wait_until(lambda: server.said("btc")["Ready"] == ("True", "Ready"))
        await wait_until(lambda: ("btc", "Ready") in server.events and ("nosuch", "UnknownSymbol") in server.events)

        writes = server.writes
        await stage.controller.tell()
        await stage.controller.publish()
        assert server.writes == writes and await stage.records() == {"sim:BTCUSDT": record}, "nothing is new"

        server.away = True
        stage.controller.see(_changed(server, "btc", suspend=True))
        await wait_until(lambda: stage.pipeline.wanted["sim:BTCUSDT"].suspend)
        assert server.said("btc")["Ready"] == ("True", "Ready"), "the stream does not wait for the API server"
        server.away = False
        stage.controller.changed()
        await wait_until(lambda: server.said("btc")["Ready"] == ("False", "Suspended"))

        del server.bodies["btc"]
        stage.controller.remove("uid-btc", 900)
        await wait_until(lambda: stage.pipeline.wanted["sim:BTCUSDT"].name == "market/again")
        del server.bodies["again"]
        stage.controller.remove("uid-again", 901)
        await wait_until(lambda: not stage.pipeline.wanted)
    assert await stage.records() == {}


async def test_a_symbol_is_not_released_before_its_data_is_gone(kafka: str, topic_prefix: str, database: str) -> None:
    stage = await ground(kafka, topic_prefix, database)
    stage.server.apply(body("btc", "BTCUSDT", deletionPolicy="Delete"))
    async with stage.running():
        await wait_until(lambda: "sim:BTCUSDT" in stage.pipeline.wanted)
        await _store(database, stage.pipeline.wanted["sim:BTCUSDT"], now_ms() // 1000 * 1000)
        gone = {"deletionTimestamp": "2026-11-22T12:00:00Z", "resourceVersion": "50"}
        leaving = _changed(stage.server, "btc", metadata=gone)
        assert await stage.controller.release(leaving) == "the pipeline is still asked for sim:BTCUSDT"
        await wait_until(lambda: not stage.pipeline.wanted)
        assert await stage.controller.release(leaving) == "seconds that were under way may still come"
        assert await stage.controller.release(leaving) == ""
        await wait_until(lambda: stage.server.said("btc").get("Ready") == ("False", "Deleting"))
    assert await stage.records() == {}


async def test_nothing_is_deleted_before_it_is_known_what_the_pipeline_is_asked_for() -> None:
    stage = Ground(Cluster("127.0.0.1:9"), "postgresql://postgres@127.0.0.1:9/rtchart")
    stage.server.apply(body("btc", "BTCUSDT", deletionPolicy="Delete"))
    leaving = _changed(stage.server, "btc", metadata={"deletionTimestamp": "2026-11-22T12:00:00Z"})
    assert await stage.controller.release(leaving) == "Kafka was not asked yet what the pipeline is asked for"


async def test_an_exchange_that_does_not_answer_holds_nothing_up(kafka: str, topic_prefix: str, database: str) -> None:
    stage = await ground(kafka, topic_prefix, database)
    stage.venue.silent = True
    stage.server.apply(body("btc", "BTCUSDT"))
    async with stage.running():
        await wait_until(lambda: "sim:BTCUSDT" in stage.pipeline.wanted)
        await wait_until(lambda: stage.server.said("btc").get("Validated") == ("Unknown", "ExchangeUnreachable"))


async def test_a_watch_that_keeps_ending_is_told_of() -> None:
    stage = Ground(Cluster("127.0.0.1:9"), "postgresql://postgres@127.0.0.1:9/rtchart")
    before = counted("rtchart_operator_watch_ends_total")
    for number in range(FLAPS):
        assert stage.controller.unwatched == "", "now and then each of them ends"
        stage.controller.ended(f"410 Gone, {number}")
    assert counted("rtchart_operator_watch_ends_total") == before + FLAPS
    assert f"keeps ending (410 Gone, {FLAPS - 1})" in stage.controller.unwatched
    stage.ahead = FLAPS_WITHIN
    assert stage.controller.unwatched == "", "it lasts again"


async def _store(database: str, record: DesiredSymbol, second: int) -> None:
    """As the inserter does: the symbol's row, and a second of it."""
    connection = await asyncpg.connect(database)
    (row,) = await symbols.want(connection, [record])
    assert row.identity == Identity("sim", "BTCUSDT")
    await connection.execute("SELECT ensure_kline_partitions($1, $2)", second, second + 1)
    await connection.execute(
        "INSERT INTO kline_1s VALUES ($1, $2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 's') ON CONFLICT DO NOTHING", row.symbol_id, second
    )
    await connection.close()


def _changed(server: Server, name: str, **changes: Any) -> Resource:
    one = server.bodies[name]
    metadata = {**one["metadata"], "generation": 2, "resourceVersion": str(int(one["metadata"]["resourceVersion"]) + 1)}
    metadata |= changes.pop("metadata", {})
    server.bodies[name] = {**one, "metadata": metadata, "spec": {**one["spec"], **changes}}
    return resource(server.bodies[name])

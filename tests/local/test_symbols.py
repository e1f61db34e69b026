"""A folder followed into the topic rtchart.symbols of a real broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import cast

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Changes, Table, TableWriter
from rtchart.broker.topics import SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Listed, Rest, RestError
from rtchart.exchange.directory import Directory
from rtchart.local.manifests import Refusal
from rtchart.local.symbols import SymbolFolder
from rtchart.process.clock import now_ms
from tests.local.test_manifests import document
from tests.waiting import wait_until


class Venue:
    """Lists everything but NOSUCH, when it answers."""

    def __init__(self) -> None:
        self.silent = False
        self.asked: list[set[str]] = []

    async def listed(self, symbols: Iterable[str]) -> dict[str, Listed]:
        self.asked.append(set(symbols))
        if self.silent:
            raise RestError("connection refused")
        return {symbol: Listed("unknown" if symbol == "NOSUCH" else "trading") for symbol in self.asked[-1]}


class Followed:
    """A folder that is followed, what it was told, and the topic's records."""

    def __init__(self, path: Path, cluster: Cluster) -> None:
        self.path = path
        self.venue = Venue()
        self.now = now_ms()
        self.refused: list[str] = []
        self.applied: list[Changes[DesiredSymbol]] = []
        self.table = Table(cluster, SYMBOLS, DesiredSymbol)
        self._cluster = cluster

    def write(self, name: str, text: str) -> None:
        (self.path / f"{name}.yaml").write_text(text)

    async def keys(self) -> set[str]:
        return set(await self.table.snapshot())

    @contextlib.asynccontextmanager
    async def follow(self) -> AsyncIterator[None]:
        async with self._cluster.producer() as producer:
            folder = SymbolFolder(
                self.path,
                TableWriter(producer, self._cluster, SYMBOLS),
                Directory(cast(Rest, self.venue), lambda: self.now),
                venue="binance",
                current=await self.table.snapshot(),
                refused=self._refused,
                applied=self.applied.append,
                clock=now_ms,
            )
            task = asyncio.create_task(folder.follow())
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _refused(self, refusal: Refusal) -> None:
        self.refused.append(f"{refusal.place.file.name}:{refusal.place.line}: {refusal.why}")


async def test_a_folder_is_followed(tmp_path: Path, kafka: str, topic_prefix: str) -> None:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (SYMBOLS,))
    followed = Followed(tmp_path, cluster)
    followed.write("btcusdt", document("BTCUSDT"))
    followed.write("nosuch", document("NOSUCH"))
    followed.write("broken", "spec: {")

    async with followed.follow():
        await wait_until(lambda: followed.applied)
        assert await followed.keys() == {"binance:BTCUSDT"}
        assert followed.refused == [
            "broken.yaml:1: is no YAML: expected the node content, but found '<stream end>'",
            "nosuch.yaml:6: spec.symbol: binance lists no symbol NOSUCH",
        ]
        epoch = (await followed.table.snapshot())["binance:BTCUSDT"].epoch

        followed.write("ethusdt", document("ETHUSDT"))
        await wait_until(lambda: len(followed.applied) == 2)
        assert await followed.keys() == {"binance:BTCUSDT", "binance:ETHUSDT"}

        # What cannot be read might be the file of the one that is gone: only when all is readable it is.
        (tmp_path / "btcusdt.yaml").unlink()
        followed.write("solusdt", document("SOLUSDT"))
        await wait_until(lambda: len(followed.applied) == 3)
        assert await followed.keys() == {"binance:BTCUSDT", "binance:ETHUSDT", "binance:SOLUSDT"}
        (tmp_path / "broken.yaml").unlink()
        await wait_until(lambda: len(followed.applied) == 4)
        assert followed.applied[-1] == {"binance:BTCUSDT": None}
        assert len(followed.refused) == 2, "each is told once"

    # Away while nobody looked, and another one come: the next start finds both.
    (tmp_path / "ethusdt.yaml").unlink()
    followed.write("btcusdt", document("BTCUSDT"))
    followed.applied.clear()
    async with followed.follow():
        await wait_until(lambda: followed.applied)
    table = await followed.table.snapshot()
    assert set(table) == {"binance:BTCUSDT", "binance:SOLUSDT"}
    assert table["binance:BTCUSDT"].epoch > epoch, "a new life"


async def test_a_file_that_is_emptied_and_filled_again_does_not_end_its_symbol(
    tmp_path: Path, kafka: str, topic_prefix: str
) -> None:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (SYMBOLS,))
    followed = Followed(tmp_path, cluster)
    followed.write("btcusdt", document("BTCUSDT"))
    async with followed.follow():
        await wait_until(lambda: followed.applied)
        followed.write("btcusdt", "")
        asyncio.get_running_loop().call_later(0.1, followed.write, "btcusdt", document("BTCUSDT", suspend=True))
        await wait_until(lambda: len(followed.applied) == 2)
    first, second = (changes["binance:BTCUSDT"] for changes in followed.applied)
    assert first and second and second.suspend and first.epoch == second.epoch


async def test_an_exchange_that_does_not_answer_is_asked_again() -> None:
    venue, now = Venue(), now_ms()
    directory = Directory(cast(Rest, venue), lambda: now)
    venue.silent = True
    assert await directory.unlisted(["BTCUSDT", "NOSUCH"]) == set(), "taken as they are"
    venue.silent = False
    assert await directory.unlisted(["BTCUSDT", "NOSUCH"]) == set(), "not asked again at once"
    now += 60_000
    assert await directory.unlisted(["BTCUSDT", "NOSUCH"]) == {"NOSUCH"}
    now += 60_000
    assert await directory.unlisted(["BTCUSDT", "NOSUCH", "ETHUSDT"]) == {"NOSUCH"}
    assert venue.asked == [{"BTCUSDT", "NOSUCH"}, {"BTCUSDT", "NOSUCH"}, {"NOSUCH", "ETHUSDT"}]

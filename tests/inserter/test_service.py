"""The inserter's loops, on fakes of a few lines: a batch that is no longer its own, and how much waits."""

from __future__ import annotations

from typing import Any

from rtchart.inserter.backfill import Backfill
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.plan import read
from rtchart.inserter.service import Inserter
from rtchart.process.health import Health
from rtchart.store.offsets import NotOwner
from tests.beside import beside
from tests.counting import counted
from tests.inserter.material import records
from tests.klines import kline
from tests.waiting import wait_until


class Late:
    """A writer that comes after another one."""

    async def write(self, batch: Batch[Any]) -> None:
        raise NotOwner(frozenset(batch.moves))


class Group:
    """Is told from which partitions nothing more is to come; each of them ends at 12."""

    def __init__(self) -> None:
        self.displaced: list[int] = []

    async def ends(self) -> dict[int, int]:
        return dict.fromkeys(range(12), 12)

    async def commit(self, positions: Any) -> None:
        pass

    def displace(self, partitions: Any) -> None:
        self.displaced += partitions


async def test_a_batch_that_another_inserter_has_stored_is_dropped_and_read_anew() -> None:
    writer: Any = Late()
    session: Any = None
    group: Any = Group()
    inserter = Inserter(writer, session, Feed("cluster", "klines", 12), Health())
    batch: Batch[Any] = Batch(read)
    batch.add(records([kline(0), kline(1_000)], partition=7), {7: 0})
    before = counted("rtchart_inserter_fenced_total")
    await inserter._store(group, batch)
    assert counted("rtchart_inserter_fenced_total") == before + 1
    assert group.displaced == [7]


async def test_how_much_older_history_waits_is_told() -> None:
    writer: Any = Late()
    session: Any = None
    group: Any = Group()
    backfill = Backfill(writer, session, Feed("cluster", "backfill", 12), lambda: False)
    backfill._positions = {0: 12, 3: 5}
    async with beside(backfill.watch(group)):
        await wait_until(lambda: counted("rtchart_inserter_backfill_lag_records") == 7)

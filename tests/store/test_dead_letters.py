"""The table of dead letters, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtchart.core.errors import Unavailable, UserError
from rtchart.core.messages import DeadLetter
from rtchart.store.database import Connection, connect
from rtchart.store.dead_letters import Row, find, following, keep, newest, reach, remove, remove_through, size

LETTER = DeadLetter(
    at=1_000, stage="inserter", reason="refused_row", detail="why", payload="what", exchange="sim", symbol="BTCUSDT"
)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    connection = await connect(database, service="test")
    yield connection
    await connection.close()


@pytest.fixture
async def six(connection: Connection) -> list[Row]:
    """Letters 1 to 6, at 1 s to 6 s, but for the fifth, which came late."""
    times = [1_000, 2_000, 3_000, 4_000, 2_500, 6_000]
    changes: list[dict[str, object]] = [
        {},
        {"symbol": "ETHUSDT"},
        {"reason": "unreadable_record"},
        {"symbol": None},
        {},
        {"exchange": None},
    ]
    letters = [msgspec.structs.replace(LETTER, at=at, **more) for at, more in zip(times, changes, strict=True)]
    await keep(connection, letters)
    return [Row(number, letter) for number, letter in enumerate(letters, 1)]


texts = st.text().filter(lambda text: "\0" not in text and text.isprintable())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=texts, offset=st.none() | st.integers(0, 2**63 - 1), symbol=st.none() | texts)
async def test_a_letter_comes_back_as_it_was_kept(
    connection: Connection, payload: str, offset: int | None, symbol: str | None
) -> None:
    letter = msgspec.structs.replace(LETTER, payload=payload, offset=offset, symbol=symbol, topic="t", partition=3)
    await keep(connection, [letter])
    (row,) = await newest(connection, 1)
    assert row.letter == letter
    assert await remove(connection, [row.dead_letter_id]) == {row.dead_letter_id}


async def test_the_newest_are_found_by_what_is_asked_for(connection: Connection, six: list[Row]) -> None:
    one, two, three, four, five, last = six
    assert await newest(connection, 10) == [one, two, five, three, four, last]
    assert await newest(connection, 2) == [four, last]
    assert await newest(connection, 10, since=3_000) == [three, four, last]
    assert await newest(connection, 10, reason="unreadable_record") == [three]
    assert await newest(connection, 10, symbol="BTCUSDT") == [one, five, three, last]
    assert await newest(connection, 10, symbol="sim:BTCUSDT") == [one, five, three]
    assert await newest(connection, 10, symbol="sim:ETHUSDT", since=2_001) == []


async def test_all_are_gone_through_in_pages_while_they_are_removed(connection: Connection, six: list[Row]) -> None:
    assert await size(connection) == (6, 6)
    assert await following(connection, 0, 5, 2) == six[:2]
    assert await remove(connection, [1, 2, 99]) == {1, 2}
    assert await following(connection, 2, 5, 10) == six[2:5]
    assert await following(connection, 5, 5, 10) == []
    assert await find(connection, [6, 3, 1]) == [six[2], six[5]]
    assert await remove_through(connection, 5) == 3
    assert await size(connection) == (1, 6)
    assert await remove_through(connection, 6) == 1
    assert await size(connection) == (0, 0)


async def test_what_may_not_be_done_or_is_lost_is_one_sentence(database: str, empty_database: str, six: list[Row]) -> None:
    web = f"postgresql://rtchart_web@{database.rpartition('@')[2]}"
    async with reach(web) as reading:
        assert len(await newest(reading, 10)) == 6
    with pytest.raises(
        UserError, match=r"does not permit it \(permission denied for table dead_letter\).* the database's owner"
    ):
        async with reach(web) as reading:
            await remove(reading, [1])
    with pytest.raises(Unavailable, match="run `rtchart migrate`"):
        async with reach(empty_database):
            pass
    with pytest.raises(Unavailable, match=r"failed .* try again"):
        async with reach(database) as lost, reach(database) as other:
            await other.execute("SELECT pg_terminate_backend($1)", lost.get_server_pid())
            await size(lost)
    with pytest.raises(asyncpg.DivisionByZeroError):  # a defect of ours shows itself
        async with reach(database) as connection:
            await connection.execute("SELECT 1 / 0")

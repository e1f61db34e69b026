"""What the services' roles may not do, on a real PostgreSQL."""

from __future__ import annotations

import asyncpg
import pytest

from rtchart.core.interval import DAY
from rtchart.store.database import Connection, connect
from rtchart.store.roles import ROLES

WRITING = "INSERT", "UPDATE", "DELETE", "TRUNCATE"


def as_role(database: str, role: str) -> str:
    return f"postgresql://{role}@{database.rpartition('@')[2]}"


async def partitions(connection: Connection) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'kline_1s'::regclass"))


async def test_the_web_changes_nothing(database: str) -> None:
    """No table, and no function with somebody else's rights."""
    connection = await connect(as_role(database, "rtchart_web"), service="test")
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')"
        )
        assert {"kline_1s", "candle", "symbol"} <= {row["relname"] for row in tables}
        for table in tables:
            for right in WRITING:
                assert not await connection.fetchval("SELECT has_table_privilege($1, $2)", table["relname"], right), table
        before = await partitions(connection)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="ensure_kline_partitions"):
            await connection.execute("SELECT ensure_kline_partitions(0, 1)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE mine ()")
        assert await partitions(connection) == before
    finally:
        await connection.close()


async def test_functions_with_their_owners_rights_are_the_inserters_alone(database: str) -> None:
    connection = await connect(database, service="test")
    try:
        functions = await connection.fetch(
            "SELECT oid, proname FROM pg_proc WHERE prosecdef AND pronamespace = current_schema()::regnamespace"
        )
        assert [function["proname"] for function in functions] == ["ensure_kline_partitions"]
        may = {
            role: await connection.fetchval("SELECT has_function_privilege($1, $2::oid, 'EXECUTE')", role, functions[0]["oid"])
            for role in ROLES
        }
        assert may == {"rtchart_inserter": True, "rtchart_aggregator": False, "rtchart_web": False}
    finally:
        await connection.close()


async def test_a_temporary_table_is_not_in_the_way_of_such_a_function(database: str) -> None:
    """Names of the caller's own would otherwise stand before the pipeline's."""
    connection = await connect(as_role(database, "rtchart_inserter"), service="test")
    try:
        before = await partitions(connection)
        await connection.execute("CREATE TEMP TABLE kline_1s (mine integer)")
        assert await connection.fetchval("SELECT ensure_kline_partitions($1, $2)", 9_000 * DAY, 9_001 * DAY) == 4
        await connection.execute("DROP TABLE kline_1s")
        assert await partitions(connection) == before + 4
    finally:
        await connection.close()

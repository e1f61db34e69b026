"""Every service under one URL is the role that it should be."""

from __future__ import annotations

import asyncpg
import pytest

from rtchart.store.become import as_role, refused
from rtchart.store.database import connect, connect_pool
from rtchart.store.migrate import ROLES
from tests.corners import execute


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me@host/db", "postgresql://me@host/db?role=rtchart_web"),
        (
            "postgresql://me:p%40ss@host:1/db?sslmode=require",
            "postgresql://me:p%40ss@host:1/db?sslmode=require&role=rtchart_web",
        ),
        ("postgresql:///db?host=/tmp", "postgresql:///db?host=/tmp&role=rtchart_web"),
    ],
)
def test_the_role_is_added_to_whatever_the_url_says(url: str, expected: str) -> None:
    assert as_role(url, "rtchart_web") == expected


async def test_the_owners_url_makes_each_service_its_role(database: str) -> None:
    owner = await connect(database, service="test")
    assert await refused(owner, ROLES) == []
    assert await owner.fetchval("SELECT current_user") == "postgres"
    await owner.close()
    for role in ROLES:
        pool = await connect_pool(as_role(database, role), service="test", size=1)
        for _ in range(2):  # handed back, a connection is reset
            assert await pool.fetchval("SELECT current_user") == role
        await pool.close()
    web = await connect(as_role(database, "rtchart_web"), service="test")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await web.execute("DELETE FROM kline_1s")
    await web.close()


async def test_a_user_may_become_what_it_made_or_was_granted_and_nothing_else(database: str) -> None:
    await execute(database, "CREATE ROLE roles_owner LOGIN CREATEROLE")
    try:
        owner = await connect(database.replace("postgres@", "roles_owner@"), service="test")
        await owner.execute("CREATE ROLE roles_made")
        assert await refused(owner, ("roles_made", "rtchart_web")) == ["rtchart_web"]
        await execute(database, "GRANT rtchart_web TO roles_owner")
        assert await refused(owner, ("roles_made", "rtchart_web")) == []
        await owner.close()
    finally:
        await execute(database, "DROP ROLE IF EXISTS roles_made, roles_owner")

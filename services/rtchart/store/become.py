"""One database URL for all services, and yet each with no more rights than it needs.

The roles that migrations make have no passwords, so nobody can log in as them over a network that asks for one. Who is
logged in as their owner can become them: the URL's parameter ``role`` is set when a connection begins, as PostgreSQL's
setting of that name (PostgreSQL, Client Connection Defaults), and `RESET ALL` leads back to it.
"""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from rtchart.store.database import Connection


def as_role(url: str, role: str) -> str:
    """The URL whose connections begin as the role."""
    return f"{url}{'&' if '?' in url else '?'}role={role}"


async def refused(connection: Connection, roles: Iterable[str]) -> list[str]:
    """Those of the roles that the connection's user may not become. It is made a member of what it may grant."""
    return [role for role in roles if not (await may_become(connection, role) or await _joins(connection, role))]


async def _joins(connection: Connection, role: str) -> bool:
    # Who made a role without being a superuser may grant it, and is no member until it did (PostgreSQL 16 and later).
    try:
        await connection.execute(f"GRANT {role} TO CURRENT_USER")
    except asyncpg.PostgresError:
        return False
    return await may_become(connection, role)


async def may_become(connection: Connection, role: str) -> bool:
    """Whether the connection's user may become the role as things are. Changes nothing."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {role}")
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True

"""``rtchart migrate``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run
from rtchart.store import options as database_options
from rtchart.store.database import connect, place
from rtchart.store.migrate import migrate, schema_version
from rtchart.store.roles import read_passwords


@click.command("migrate")
@database_options.database
@database_options.role_passwords
@options.task
def command(database: str, role_passwords: Path | None, process: Process) -> None:
    """Bring the database's schema to this version, and make the services' roles.

    Safe to repeat, also with other passwords, and to run from many places at once. Needs the database's owner, with the right
    to make roles. A schema that is newer is left as it is: migrations only expand, and this version runs on it.
    """

    async def service(health: Health, stopping: asyncio.Event) -> None:
        connection = await connect(database, service="migrate")
        try:
            applied = await migrate(connection, read_passwords(role_passwords) if role_passwords else {})
            version = await schema_version(connection)
        finally:
            await connection.close()
        click.echo(f"{place(database)} is at schema {version}" + (f"; applied {', '.join(applied)}" if applied else ""))

    run("migrate", service, process)

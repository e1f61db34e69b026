"""``rtchart migrate``."""

from __future__ import annotations

import asyncio

import click

from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import run
from rtchart.store.database import connect, place
from rtchart.store.migrate import LATEST, migrate


@click.command("migrate")
@options.database
@options.log_level
def command(database: str, log_level: str) -> None:
    """Bring the database's schema to this version, and make the services' roles.

    Safe to repeat, and to run from many places at once. Needs the database's owner, with the right to make roles.
    """

    async def service(health: Health, stopping: asyncio.Event) -> None:
        connection = await connect(database, service="migrate")
        try:
            applied = await migrate(connection)
        finally:
            await connection.close()
        click.echo(f"{place(database)} is at schema {LATEST}" + (f"; applied {', '.join(applied)}" if applied else ""))

    run("migrate", service, log_level=log_level)

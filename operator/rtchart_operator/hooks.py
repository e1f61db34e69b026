"""What the chart runs in Jobs besides the operator: `python -m rtchart_operator.hooks VERB`.

``cleanup`` is for an uninstall, while the operator still lives: Symbols whose data goes with them are deleted, and waited for.
``apply-crd`` brings the CustomResourceDefinition to the chart's version, which Helm never does at an upgrade.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from rtchart.core.errors import UserError
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run
from rtchart_operator.api import Api, ApiError, Gone

PATIENCE = 180.0
"""Seconds that the operator has for removing the data of what is deleted."""
PAUSE = 1.0
GONE_TRIES = 10
"""Answers in a row that there are no Symbols to list, before it is believed that their definition was deleted."""


@click.group()
def main() -> None:
    """Jobs of the chart."""


@main.command()
@options.option("--namespace", required=True, metavar="NAME", help="Whose Symbols.")
@options.service
def cleanup(namespace: str, process: Process) -> None:
    """Delete the Symbols whose deletionPolicy is Delete, and wait until the operator has removed their data."""
    _run("cleanup", namespace, clean_up, process)


@main.command("apply-crd")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.service
def apply_crd(file: Path, process: Process) -> None:
    """Bring the definition of Symbols to what FILE says."""

    definition = file.read_text(encoding="utf-8")

    async def work(api: Api) -> None:
        await api.apply_definition(definition)

    _run("apply-crd", "default", work, process)


async def clean_up(api: Api) -> None:
    """Delete those Symbols, and return when they are gone. Raises `UserError` when that takes longer than `PATIENCE`."""
    asked: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while waited_for := await _to_delete(api):
        for name in sorted(waited_for - asked):
            await api.delete(name)
        asked |= waited_for
        if time.monotonic() > deadline:
            raise UserError(
                f"the data of {', '.join(sorted(waited_for))} is still there after {PATIENCE:.0f} s; look at the "
                "operator's log and at `kubectl describe symbol`, or leave the data with `helm uninstall --no-hooks`"
            )
        await asyncio.sleep(PAUSE)


async def _to_delete(api: Api) -> set[str]:
    for _ in range(GONE_TRIES):
        try:
            symbols, _ = await api.list()
            break
        except Gone:  # also said by an API server that has just started, and does not know all definitions yet
            await asyncio.sleep(PAUSE)
    else:
        return set()  # the definition was deleted, and all Symbols with it
    return {each["metadata"]["name"] for each in symbols if each["spec"].get("deletionPolicy") == "Delete"}


def _run(name: str, namespace: str, work: Callable[[Api], Awaitable[None]], process: Process) -> None:
    async def service(health: Health, stopping: asyncio.Event) -> None:
        api = Api(namespace)
        try:
            await work(api)
        except ApiError as error:
            raise UserError(str(error)) from None
        finally:
            await api.aclose()

    run(name, service, process)


if __name__ == "__main__":
    main()

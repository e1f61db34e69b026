"""One pipeline for the tests of a module, on engines of its own that can be broken too; what was measured is told at the end,
as the tables of docs/reliability.md.

make chaos                          all of it
make chaos ARGS="-k half_open"      some
make chaos SEED=7                   with another seed
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.world import World, world
from tests.corners import own_database, own_topics

SEED = int(os.environ.get("SEED", "1"))
TIMEOUT = 1200

COLUMNS = ("seconds published", "lost", "doubled", "absent at the exchange", "by REST", "live after")
"""Figures that most tests have. Others stand beside what the test is about."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.fixture(scope="module")
async def shared(
    tmp_path_factory: pytest.TempPathFactory, kafka: str, postgres: str, migrated_template: str
) -> AsyncIterator[World]:
    """The services, and an exchange that can be told to misbehave. A test leaves all well."""
    async with (
        own_topics(kafka) as prefix,
        own_database(postgres, migrated_template) as database,
        world(tmp_path_factory.mktemp("chaos"), kafka=kafka, prefix=prefix, database=database) as running,
    ):
        yield running


@pytest.fixture
def at(shared: World) -> Iterator[World]:
    """The same, and what the services said beside a test that failed."""
    yield shared
    shared.director.end_all()
    print(shared.running.logs())


@pytest.fixture
def chance() -> random.Random:
    """What is drawn, is drawn from the seed."""
    return random.Random(SEED)


@pytest.fixture
def figure(record_property: Any) -> Any:
    """Takes what was measured, by its name; the end of the run tells it."""
    return record_property


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = [
        (report.nodeid.rpartition("::")[2], report.user_properties)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        if report.when == "call" and report.user_properties
    ]
    if rows:
        terminalreporter.write_line(f"seed {SEED}")
    heads: list[str] = []
    for name, properties in rows:
        table = {key: value for key, value in properties if key in COLUMNS}
        what = "; ".join([_words(name), *(f"{key}: {value}" for key, value in properties if key not in COLUMNS)])
        if heads != (heads := list(table)):
            terminalreporter.write_line("")
            terminalreporter.write_line(_row("what", *heads))
            terminalreporter.write_line("|---" * (1 + len(heads)) + "|")
        terminalreporter.write_line(_row(what, *table.values()))


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _words(test: str) -> str:
    """What a test is about: its parameter, or its name."""
    name, _, parameter = test.partition("[")
    return parameter.rstrip("]") or name.removeprefix("test_").replace("_", " ")

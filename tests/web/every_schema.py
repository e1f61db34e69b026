"""The run as a whole is held to: each schema of docs/asyncapi.yaml was needed by a message that really went.

A part of pytest (tests/conftest.py loads it), since the tests that need the schemas may run in several processes.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.web import schemas

NEEDED_BY = {"test_socket.py", "test_socket_bounds.py", "test_start_and_end.py", "test_asyncapi.py"}
"""The files whose tests need all schemas between them; in a run without one of them, or of chosen tests, nothing is asked."""

HIT, FILES = "rtchart_schemas_hit", "rtchart_files_run"
_of_workers: dict[str, set[str]] = {HIT: set(), FILES: set()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist has ended: take over what it saw."""
    for key, seen in _of_workers.items():
        seen.update(getattr(node, "workeroutput", {}).get(key, ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    files = {item.path.name for item in getattr(session, "items", ())}
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput.update({HIT: sorted(schemas.hit), FILES: sorted(files)})
        return
    if session.config.getoption("keyword") or session.config.getoption("markexpr"):
        return
    of_all = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
    unneeded = _verdict(schemas.hit | _of_workers[HIT], files | _of_workers[FILES], of_all)
    if unneeded and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line("")
        reporter.write_line(f"FAILED docs/asyncapi.yaml: {unneeded}", red=True)


def _verdict(hit: set[str], files: set[str], of_all: bool) -> str:
    if lacking := NEEDED_BY - files:
        whole = os.environ.get("CI") and files and of_all
        return f"a run of the CI lacks {', '.join(sorted(lacking))}; was it renamed?" if whole else ""
    never = set(schemas.SCHEMAS) - hit
    return f"no message needed {', '.join(sorted(never))}" if never else ""

"""Each runbook is tried: what its last section has people type provokes the alert, and when that is undone the alert ends.

Prometheus is in a hurry (`tests.e2e.prometheus.hurried`). What is to be typed is taken from the pages, so that it stays true.
It takes ten minutes, and is left out where RUNBOOKS=0 says so.
"""

from __future__ import annotations

import asyncio
import os
import re
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.e2e.panels import Panels
from tests.e2e.prometheus import Prometheus, prometheus
from tests.e2e.release import CONTROL, Release, control
from tests.waiting import wait_until

RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
tried = pytest.mark.skipif(os.environ.get("RUNBOOKS") == "0", reason="RUNBOOKS=0")
A_TENTH_MORE = "{a tenth more}"
PAGES = {page.stem for page in RUNBOOKS.glob("Rtchart*.md")}


class Trial(NamedTuple):
    """What the page of ``alert`` says provokes it, with the severities that it can have within minutes."""

    alert: str
    severities: tuple[str, ...] = ("warning",)
    undo: str = ""
    """The command that ends it, where the page says so in words, or there is more to end than faults of the exchange."""
    last_undoes: bool = False
    """The page's last command ends it."""
    hurry: tuple[str, str] = ("", "")
    """What is written otherwise in the page's commands, so that it need not last for an hour, or as the page says: what is
    ``{a tenth more}`` than the database has is put in."""


def scale(what: str, replicas: int = 1) -> str:
    return f'kubectl --namespace "$NAMESPACE" scale {what} --replicas={replicas}'


AGGREGATOR_LATE = Trial(
    "RtchartAggregatorLate",
    undo="""kubectl --namespace "$NAMESPACE" patch cronjob/rtchart-aggregator --patch '{"spec":{"suspend":false}}'""",
)
"""It takes longest, as the operator has to find candles three minutes behind; the others are tried meanwhile."""

TOGETHER: tuple[tuple[Trial, ...], ...] = (
    (
        Trial("RtchartSymbolStale"),
        Trial("RtchartGapOpen"),
        Trial("RtchartIncomplete"),
        Trial("RtchartDeadLetters"),
        Trial(
            "RtchartDatabaseFills",
            ("critical", "warning"),
            hurry=("CAPACITY=22M", f"CAPACITY={A_TENTH_MORE}"),
            undo='kubectl --namespace "$NAMESPACE" set env deployment/rtchart-operator RTCHART_DATABASE_CAPACITY=8Gi; '
            'kubectl --namespace "$NAMESPACE" rollout status deployment/rtchart-operator',
        ),
    ),
    (
        Trial("RtchartClockOff", ("warning", "info")),
        Trial("RtchartRotatesOften", hurry=('"lifetime": 120', '"lifetime": 10')),
        # What runs in the pod goes on when the terminal is closed.
        Trial(
            "RtchartRateLimitNear",
            undo='kubectl --namespace "$NAMESPACE" rollout restart deployment/rtchart-producer-sim; '
            'kubectl --namespace "$NAMESPACE" rollout status deployment/rtchart-producer-sim',
        ),
        Trial("RtchartInserterLags", undo=scale("deployment/rtchart-inserter")),
    ),
    (
        Trial("RtchartLatencyBudgetBurns", ("critical", "warning")),
        Trial("RtchartReconcileErrors", last_undoes=True),
        Trial("RtchartServiceMissing", ("critical",), undo=scale("deployment/rtchart-web")),
    ),
    (Trial("RtchartExchangeStale", ("critical",)),),
)
"""What can be provoked at once without one hiding the other."""

AT_LAST = (
    Trial("RtchartEngineAway", ("critical",), undo=scale("statefulset/rtchart-broker")),
    Trial("RtchartAggregatorFails", undo=scale("statefulset/rtchart-broker")),
)
"""With an aggregator that runs again."""


def test_every_runbook_is_tried() -> None:
    trials = [AGGREGATOR_LATE, *(trial for each in TOGETHER for trial in each), *AT_LAST]
    assert sorted(trial.alert for trial in trials) == sorted(PAGES)


@tried
async def test_what_a_runbook_provokes_is_alerted_on_until_it_is_undone(release: Release, panels: Panels) -> None:
    async with prometheus(release) as there, control(release) as port:
        people = People(release, there, port, panels)
        await wait_until(lambda: quiet(there), 180, every=2)
        await wait_until(lambda: there.query("rtchart_symbol_completeness_ratio offset 30s"), 180, every=2)
        try:
            async with people.trying(AGGREGATOR_LATE):
                for trials in TOGETHER:
                    await people.tried(trials)
                await people.fired((AGGREGATOR_LATE,), within=420)
            await release.kubectl.run("wait", "--for=condition=Aggregating", "symbol", "--all", "--timeout=180s")
            await people.tried(AT_LAST)
            await wait_until(lambda: quiet(there), 300, every=2)
            await panels.look(there)
        except AssertionError:
            print("alerts at the end:", await there.alerts())
            raise
        await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


@tried
def test_every_panel_has_followed_what_was_done(panels: Panels, request: pytest.FixtureRequest) -> None:
    """By the tests of monitoring and of runbooks together."""
    run = {item.path.stem for item in request.session.items}
    if not run >= {"test_monitoring", "test_runbooks"}:
        pytest.skip("only with the tests of monitoring and of runbooks before it")
    assert not panels.unmoved, "these did not change:\n" + "\n".join(panels.unmoved)


class People:
    """Type what the pages say."""

    def __init__(self, release: Release, there: Prometheus, control_port: int, panels: Panels) -> None:
        self._there = there
        self._panels = panels
        self._environment = {**os.environ, "NAMESPACE": release.namespace}
        self._port = control_port

    async def tried(self, trials: Iterable[Trial]) -> None:
        """Provoke these at once, see all of them fire, and undo it."""
        async with AsyncExitStack() as stack:
            for trial in trials:
                await stack.enter_async_context(self.trying(trial))
            await self.fired(trials)
            await self._panels.look(self._there)

    async def fired(self, trials: Iterable[Trial], *, within: float = 300) -> None:
        """Wait until each has fired, though not all at one moment: what happened once is soon over."""
        missing = {(trial.alert, severity) for trial in trials for severity in trial.severities}

        async def all_have() -> bool:
            alerts = await self._there.alerts()
            missing.difference_update(key for key, state in alerts.items() if state == "firing")
            assert not missing, f"not fired: {sorted(missing)}; {alerts}"
            return True

        await wait_until(all_have, within, every=2)

    @asynccontextmanager
    async def trying(self, trial: Trial) -> AsyncIterator[None]:
        """Provoked while the block lasts."""
        page = (RUNBOOKS / f"{trial.alert}.md").read_text(encoding="utf-8")
        typed = [command.replace(*trial.hurry) if trial.hurry[0] else command for command in commands(page)]
        assert typed and trial.hurry[1] in "\n".join(typed), f"{trial.alert} has nothing to type, or not what is tried"
        lasting: asyncio.subprocess.Process | None = None
        undo = trial.undo
        if trial.last_undoes:
            *typed, undo = typed
        try:
            for command in typed:
                if "<<" in command:
                    lasting = await self._begin(command)
                else:
                    await self._run(command)
            yield
        finally:
            if lasting is not None and lasting.returncode is None:
                lasting.terminate()
                await lasting.wait()
            if undo:
                await self._run(undo)
            async with httpx.AsyncClient(timeout=20) as client:
                (await client.delete(f"http://127.0.0.1:{self._port}/faults")).raise_for_status()

    async def _begin(self, command: str, output: int = DEVNULL) -> asyncio.subprocess.Process:
        text = command.replace(f"localhost:{CONTROL}", f"localhost:{self._port}")
        if A_TENTH_MORE in text:
            there = await self._there.value("max(rtchart_database_bytes)")
            assert there
            text = text.replace(A_TENTH_MORE, f"{there * 1.1:.0f}")
        return await asyncio.create_subprocess_exec(
            "bash", "-euc", text, env=self._environment, stdin=DEVNULL, stdout=output, stderr=STDOUT
        )

    async def _run(self, command: str) -> None:
        process = await self._begin(command, PIPE)
        said, _ = await process.communicate()
        assert process.returncode == 0, f"{command}\n{said.decode()}"
        assert not command.startswith("curl") or b'"id"' in said, f"{command}\n{said.decode()}"


def commands(page: str) -> list[str]:
    """What is to be typed in the last section: each command with the lines that belong to it."""
    code = re.findall(r"^ {4}(.*)$", page.partition("\n## Try it\n")[2], re.MULTILINE)
    found: list[str] = []
    for line in code:
        if re.match(r"(curl|kubectl) ", line):
            found.append(line)
        elif found:
            found[-1] += f"\n{line}"
    return found


async def quiet(there: Prometheus) -> bool:
    """Whether nothing is alerted on, but that seconds are missing: what the exchange itself lacks does so for a day."""
    alerts = await there.alerts()
    assert not {name for name, _ in alerts} - {"RtchartIncomplete"}, f"alerts: {alerts}"
    return True

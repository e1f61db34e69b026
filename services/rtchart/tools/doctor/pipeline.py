"""The pipeline, as it tells of itself on Kafka: whether what is wanted streams."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Table
from rtchart.broker.topics import STREAMS, SYMBOLS
from rtchart.core.interval import SECOND
from rtchart.core.messages import FRESH, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.tools.doctor.findings import NAMED, Finding, bounded, failed, ok, skipped
from rtchart.tools.doctor.kafka import Examined

SETTLING = 30 * SECOND
"""What a symbol that was just asked for has until it streams."""

_SEE_LOG = "See the broker's log."
_NO_PRODUCER = "See whether a producer of that exchange runs, its log, and whether this machine's clock is right."
_NOT_STREAMING = "See the producer's log, and what the exchange says of them."


class Tables(NamedTuple):
    """What is wanted, and what producers say of it; or, in ``unread``, why that is not known."""

    wanted: list[DesiredSymbol]
    states: list[StreamState]
    findings: list[Finding]
    unread: str = ""

    def of(self, exchange: str) -> set[str] | str:
        """The symbols that shall stream from the exchange, or why they are not known."""
        return self.unread or {each.symbol for each in self.wanted if each.exchange == exchange and not each.suspend}


async def read(cluster: Cluster, examined: Examined, *, patience: float) -> Tables:
    """Both tables, where their topics are: a question about one that is missing could make it."""
    missing = [name for name in map(cluster.name, (SYMBOLS, STREAMS)) if not examined.has(name)]
    if missing:
        why = "Kafka was not seen" if examined.seen is None else f"there is no topic {' and no '.join(missing)}"
        return Tables([], [], [skipped("pipeline", why)], f"what is wanted is not known: {why}")
    tables: list[Tables] = []

    async def both() -> list[Finding]:
        wanted, states = await asyncio.gather(
            Table(cluster, SYMBOLS, DesiredSymbol).snapshot(), Table(cluster, STREAMS, StreamState).snapshot()
        )
        tables.append(Tables(list(wanted.values()), list(states.values()), []))
        return []

    findings = await bounded("pipeline", both, patience=patience, advice=_SEE_LOG)
    return tables[0] if tables else Tables([], [], findings, "what is wanted is not known: Kafka did not tell it")


async def examine(tables: Tables) -> list[Finding]:
    """What the tables say now."""
    return tables.findings or judge(now_ms(), tables.wanted, tables.states)


def judge(now: int, wanted: Collection[DesiredSymbol], states: Collection[StreamState]) -> list[Finding]:
    """Producers that are heard, and symbols that do not stream."""
    fresh = [state for state in states if now - state.at <= FRESH]
    active = [each for each in wanted if not each.suspend]
    instances = {(state.exchange, state.instance) for state in fresh}
    findings = []
    settled = [each for each in active if now - each.epoch > SETTLING]
    silent = sorted({each.exchange for each in settled} - {exchange for exchange, _ in instances})
    if silent:
        found = f"no producer of {' and '.join(silent)} has told of anything for {FRESH // SECOND} s"
        findings.append(failed("producers", found, _NO_PRODUCER, heard=len(instances)))
    else:
        findings.append(ok("producers", heard=len(instances), names=sorted(instance for _, instance in instances) or "none"))
    best: dict[tuple[str, str, int], StreamState] = {}
    for state in sorted(fresh, key=lambda state: (state.status == "streaming", state.at)):
        best[state.exchange, state.symbol, state.epoch] = state
    said = {str(each.identity): best.get((each.exchange, each.symbol, each.epoch)) for each in active}
    bad = {name: state for name, state in said.items() if state is None or state.status != "streaming"}
    figures = {"wanted": len(wanted), "suspended": len(wanted) - len(active), "streaming": len(said) - len(bad)}
    if late := sorted(bad.keys() & {str(each.identity) for each in settled}):
        named = "; ".join(f"{name} {_told(bad[name])}" for name in late[:NAMED])
        more = f"; and {len(late) - NAMED} more" if len(late) > NAMED else ""
        findings.append(failed("symbols", f"not streaming: {named}{more}", _NOT_STREAMING, **figures))
    else:
        findings.append(ok("symbols", f"{len(bad)} of them just asked for" if bad else "", **figures))
    return findings


def _told(state: StreamState | None) -> str:
    if state is None:
        return "is told of by no producer"
    return f"is {state.status}{f' ({state.detail})' if state.detail else ''}"

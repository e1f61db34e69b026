"""What the doctor makes of what it read: thresholds, names and advice, without reading anything."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.broker.cluster import Cluster
from rtchart.broker.inspection import NotLetIn, SeenCluster, SeenTopic, Server
from rtchart.broker.security import Security
from rtchart.broker.topics import KLINES, SYMBOLS, TOPICS, Making, Topic
from rtchart.core.errors import UserError
from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import inspection
from rtchart.store.inspection import OpenGaps, Run, Waiting
from rtchart.store.migrate import LATEST
from rtchart.tools.doctor import clocks, database, exchange, kafka, machine, pipeline
from rtchart.tools.doctor.findings import Finding, bounded, failed, listed, ok

NOW = 1_753_446_896_250
CLUSTER = Cluster("127.0.0.1:9092")


def seen(topic: Topic, **change: Any) -> SeenTopic:
    """The topic as it is to be on one broker, but for what is changed; ``settings`` are laid over its own."""
    settings = {"min.insync.replicas": "1", **CLUSTER.making.config(topic), **change.pop("settings", {})}
    return SeenTopic(topic.partitions, 1, 1, 0, settings)._replace(**change)


# ── Clocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ms", "within", "outcome"),
    [
        (0, 0, "ok"),
        (500, 0, "ok"),
        (-500, 0, "ok"),
        (501, 0, "warning"),
        (-2000, 0, "warning"),
        (2001, 0, "failed"),
        (-2001, 0, "failed"),
        (600, 100, "ok"),
        (2050, 50, "warning"),
    ],
)
def test_an_offset_counts_as_far_as_the_round_trip_does_not_explain_it(ms: float, within: float, outcome: str) -> None:
    finding = clocks.judge("x clock", clocks.Offset(ms, within), "set it")
    assert finding.outcome == outcome
    assert bool(finding.advice) == (outcome != "ok")
    assert clocks.judge("x clock", clocks.Offset(ms, within), "set it", may_fail=False).outcome in ("ok", "warning")


def test_whose_clock_is_off_which_way_is_said() -> None:
    assert "this machine's clock is 3.0 s behind it" in clocks.judge("x", clocks.Offset(3000, 1), "").found
    assert "this machine's clock is 3.0 s ahead of it" in clocks.judge("x", clocks.Offset(-3000, 1), "").found


@given(
    sent=st.integers(0, 2**45), there=st.integers(0, 60_000), back=st.integers(0, 60_000), truth=st.integers(-(10**9), 10**9)
)
def test_the_truth_is_within_the_uncertainty(sent: int, there: int, back: int, truth: int) -> None:
    measured = clocks.offset(sent, sent + there + truth, sent + there + back)
    assert abs(measured.ms - truth) <= measured.within


# ── Kafka ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_as_it_is_to_be_is_well(topic: Topic) -> None:
    assert kafka.judge_topic(CLUSTER, topic, seen(topic), 1).outcome == "ok"


@pytest.mark.parametrize(
    ("topic", "there", "brokers", "outcome", "says"),
    [
        (KLINES, None, 1, "failed", "is missing"),
        (KLINES, seen(KLINES, partitions=3), 1, "failed", "is to have 12 partitions"),
        (KLINES, seen(KLINES, leaderless=2), 1, "failed", "2 partitions have no leader"),
        (KLINES, seen(KLINES, settings={"cleanup.policy": "compact"}), 1, "failed", "cleanup.policy is compact and is to be"),
        (SYMBOLS, seen(SYMBOLS, settings={"cleanup.policy": "delete"}), 1, "failed", "is to be compact"),
        (KLINES, seen(KLINES, settings={"retention.ms": "60000"}), 1, "warning", "retention.ms is 60000 and is to be 86400000"),
        (KLINES, seen(KLINES, settings={"retention.bytes": "-1"}), 1, "warning", "retention.bytes is -1"),
        (SYMBOLS, seen(SYMBOLS, settings={"max.compaction.lag.ms": "9"}), 1, "warning", "max.compaction.lag.ms is 9"),
        (KLINES, seen(KLINES, settings={"min.insync.replicas": "2"}), 1, "failed", "it takes no records"),
        (KLINES, seen(KLINES, replicas=3, in_sync=2), 3, "warning", "only 2 replicas are in sync"),
        (KLINES, seen(KLINES, replicas=3, in_sync=3), 3, "ok", ""),
        (KLINES, seen(KLINES), 2, "ok", ""),
        (KLINES, seen(KLINES), 3, "warning", "has 1 of 2 replicas or more, with 3 brokers"),
        (KLINES, seen(KLINES)._replace(settings=None), 1, "ok", "may not be read"),
    ],
)
def test_what_is_wrong_with_a_topic_is_said(
    topic: Topic, there: SeenTopic | None, brokers: int, outcome: str, says: str
) -> None:
    finding = kafka.judge_topic(CLUSTER, topic, there, brokers)
    assert (finding.outcome, finding.what) == (outcome, f"topic {topic.name}")
    assert says in finding.found
    assert bool(finding.advice) == (outcome != "ok")


def test_what_the_options_ask_for_is_compared_too() -> None:
    asked = Cluster("127.0.0.1:9092", making=Making(replication_factor=3, min_insync_replicas=2))
    few = kafka.judge_topic(asked, SYMBOLS, seen(SYMBOLS, replicas=2, in_sync=2, settings={"min.insync.replicas": "2"}), 3)
    assert (few.outcome, few.found) == ("warning", "has 2 of 3 replicas or more, with 3 brokers")
    lax = kafka.judge_topic(asked, SYMBOLS, seen(SYMBOLS, replicas=3, in_sync=3), 3)
    assert (lax.outcome, lax.found) == ("warning", "min.insync.replicas is 1 and is to be 2")


def test_one_bootstrap_server_is_enough() -> None:
    one, two = Server("one", 9092), Server("::1", 9093)
    no = NotLetIn("tls", "certificate has expired")
    assert [each.outcome for each in kafka.doors(CLUSTER, {one: None, two: no})] == ["ok", "warning"]
    both = kafka.doors(Cluster("one:9092", security=Security("ssl")), {one: no, two: NotLetIn("sasl", "no")})
    assert [each.outcome for each in both] == ["failed", "failed"]
    assert both[0].found == "tls: certificate has expired" and "--kafka-ca" in both[0].advice
    assert both[1].what == "kafka at [::1]:9093" and "--kafka-password" in both[1].advice


def test_a_broker_that_is_not_where_it_says_is_named() -> None:
    cluster = SeenCluster("id", {1: Server("a", 9092), 2: Server("b", 9092)}, {})
    assert kafka.judge_brokers(cluster, {}).outcome == "ok"
    finding = kafka.judge_brokers(cluster, {2: NotLetIn("tcp", "Connection refused")})
    assert finding.outcome == "failed" and "broker 2 at b:9092 (Connection refused)" in finding.found
    assert "advertised.listeners" in finding.advice


def test_lag_is_told_and_not_judged() -> None:
    finding = kafka.judge_lag({11: 3, 0: 10**9})
    assert finding.outcome == "ok"
    assert finding.figures == {"records": 10**9 + 3, "partitions": [f"0:{10**9}", "11:3"]}
    assert kafka.judge_lag({}).outcome == "ok"


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "used", "outcomes"),
    [
        (inspection.NEEDED, 1, ["ok", "ok"]),
        (inspection.NEEDED - 1, 1, ["failed", "ok"]),
        (180_001, 77, ["ok", "ok"]),
        (180_001, 78, ["ok", "warning"]),
    ],
)
def test_a_server_is_new_enough_and_has_connections_left(version: int, used: int, outcomes: list[str]) -> None:
    server = inspection.Server(version, "me", max_connections=100, reserved=3, used=used, size=10**9)
    assert [each.outcome for each in database.judge_server("here:5432/x", server)] == outcomes


@pytest.mark.parametrize(("version", "outcome"), [(0, "failed"), (LATEST - 1, "failed"), (LATEST, "ok"), (LATEST + 1, "ok")])
def test_a_schema_is_as_new_as_this_version(version: int, outcome: str) -> None:
    assert database.judge_schema(version).outcome == outcome


def test_roles_must_be_there_whoever_may_become_them() -> None:
    assert database.judge_roles({"a": False, "b": False}).outcome == "ok"
    finding = database.judge_roles({"a": True, "b": None})
    assert (finding.outcome, finding.found, finding.figures) == ("failed", "there is no b", {"may_become": ["a"]})


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        (database.judge_partitions(NOW, NOW + 6 * HOUR), "ok"),
        (database.judge_partitions(NOW, NOW + 6 * HOUR - 1), "warning"),
        (database.judge_partitions(NOW, NOW), "warning"),
        (database.judge_waiting(NOW, Waiting(0, None)), "ok"),
        (database.judge_waiting(NOW, Waiting(2, NOW - 3 * MINUTE)), "ok"),
        (database.judge_waiting(NOW, Waiting(2, NOW - 3 * MINUTE - 1)), "warning"),
        (database.judge_waiting(NOW, Waiting(2, NOW - HOUR)), "warning"),
        (database.judge_waiting(NOW, Waiting(2, NOW - HOUR - 1)), "failed"),
        (database.judge_last_run(NOW, None), "ok"),
        (database.judge_last_run(NOW, Run(NOW - DAY, NOW - DAY + 1, 3, None)), "ok"),
        (database.judge_last_run(NOW, Run(NOW - MINUTE, NOW, 3, "it failed")), "warning"),
        (database.judge_last_run(NOW, Run(NOW - MINUTE, None, 3, None)), "ok"),
        (database.judge_last_run(NOW, Run(NOW - HOUR, None, 3, None)), "warning"),
        (database.judge_gaps(NOW, OpenGaps(0, 0, None)), "ok"),
        (database.judge_gaps(NOW, OpenGaps(2, 9, NOW - HOUR)), "ok"),
        (database.judge_gaps(NOW, OpenGaps(2, 9, NOW - HOUR - 1)), "warning"),
        (database.judge_letters({}), "ok"),
        (database.judge_letters({"refused_row": 2, "invalid_kline": 1}), "warning"),
    ],
)
def test_how_far_the_writers_are(finding: Finding, outcome: str) -> None:
    assert finding.outcome == outcome
    assert bool(finding.advice) == (outcome != "ok")


# ── The exchange ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_weight_is_left_for_repairs() -> None:
    assert exchange.judge_weight("sim", 0.5).outcome == "ok"
    assert exchange.judge_weight("sim", 0.51).outcome == "warning"


def test_symbols_that_do_not_trade_are_named() -> None:
    findings = exchange.judge_symbols("sim symbols", {"A": "trading", "B": "unknown", "C": "halted", "D": "unknown"})
    assert [(each.outcome, each.found) for each in findings] == [
        ("failed", "not listed: B, D"),
        ("warning", "not traded now: C"),
    ]
    assert findings[0].figures == {"wanted": 4, "trading": 1}
    assert [each.outcome for each in exchange.judge_symbols("sim symbols", {"A": "trading"})] == ["ok"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.binance.com", "https://api.binance.com"),
        ("https://me:geheim@proxy:8443/x?token=geheim#geheim", "https://proxy:8443"),
        ("https://me:gehe/im@proxy", "the given address"),
        ("https://me:gehe#im@proxy", "the given address"),
        ("ftp://me:geheim\\'@proxy", "ftp://proxy"),
        ("https://[::1", "the given address"),
        ("nothing", "the given address"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_secret(url: str, shown: str) -> None:
    assert exchange.shown_address(url) == shown
    assert exchange.Places(url).hide(f"is {url!r}") in (f"is '{shown}'", f'is "{shown}"')
    assert exchange.Places(url, f"{url}/").hide(f"{url}/api/v3/time failed") == f"{shown}/api/v3/time failed"


# ── The pipeline ────────────────────────────────────────────────────────────────────────────────────────────────────────


def want(symbol: str, **change: Any) -> DesiredSymbol:
    return msgspec.structs.replace(DesiredSymbol("sim", symbol, epoch=NOW - HOUR), **change)


def state(symbol: str, **change: Any) -> StreamState:
    told = StreamState(
        exchange="sim", symbol=symbol, instance="one", at=NOW - 1000, status="streaming", epoch=NOW - HOUR, detail=""
    )
    return msgspec.structs.replace(told, **change)


def judged(wanted: list[DesiredSymbol], states: list[StreamState]) -> list[tuple[str, str]]:
    return [(each.outcome, each.found) for each in pipeline.judge(NOW, wanted, states)]


def test_a_pipeline_that_streams_is_well() -> None:
    wanted = [want("A"), want("B", suspend=True)]
    producers, symbols = pipeline.judge(NOW, wanted, [state("A"), state("A", instance="two", status="stale")])
    assert (producers.outcome, producers.figures) == ("ok", {"heard": 2, "names": ["one", "two"]})
    assert (symbols.outcome, symbols.figures) == ("ok", {"wanted": 2, "suspended": 1, "streaming": 1})
    assert [outcome for outcome, _ in judged([], [])] == ["ok", "ok"]


def test_a_word_holds_for_thirty_seconds_and_for_one_life_of_a_symbol() -> None:
    fine = [("ok", ""), ("ok", "")]
    assert judged([want("A")], [state("A", at=NOW - 30_000)]) == fine
    silent, symbols = judged([want("A")], [state("A", at=NOW - 30_001)])
    assert silent == ("failed", "no producer of sim has told of anything for 30 s")
    assert symbols == ("failed", "not streaming: sim:A is told of by no producer")
    assert judged([want("A")], [state("A", epoch=NOW - DAY)])[1][0] == "failed"


def test_a_symbol_that_was_just_asked_for_has_time() -> None:
    assert judged([want("A", epoch=NOW - 30_000)], [state("B")]) == [("ok", ""), ("ok", "1 of them just asked for")]
    assert judged([want("A", epoch=NOW - 30_000)], []) == [("ok", ""), ("ok", "1 of them just asked for")]
    assert judged([want("A", epoch=NOW - 30_001)], [state("B")])[1][0] == "failed"


def test_ten_that_do_not_stream_are_named_with_why() -> None:
    names = [f"S{number:02}" for number in range(12)]
    _, (outcome, found) = judged([want(name) for name in names], [state(n, status="stale", detail="no data") for n in names])
    assert outcome == "failed"
    assert found.startswith("not streaming: sim:S00 is stale (no data); sim:S01 is")
    assert "S09" in found and "S10" not in found and found.endswith("; and 2 more")


# ── The machine ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        (machine.judge_python((3, 11), "3.11.7"), "ok"),
        (machine.judge_python((3, 14), "3.14.0"), "warning"),
        (machine.judge_python((3, 10), "3.10.0"), "warning"),
        (machine.judge_files(4096), "ok"),
        (machine.judge_files(4095), "warning"),
        (machine.judge_files(machine.resource.RLIM_INFINITY), "ok"),
        (machine.judge_disk(Path("data"), 5_000_000_000), "ok"),
        (machine.judge_disk(Path("data"), 4_999_000_000), "warning"),
        (machine.judge_disk(Path("data"), 499_000_000), "failed"),
        (machine.judge_clock("timedatectl", "yes\n"), "ok"),
        (machine.judge_clock("timedatectl", "no\n"), "warning"),
        (machine.judge_clock("chronyc", "A9FEA97B,169.254.169.123,4,1.0,0.1,0.2,0.3,4,5,6,7,8,64.2,Normal\n"), "ok"),
        (machine.judge_clock("chronyc", "7F7F0101,,0,0.0,0,0,0,0,0,0,1,1,0.0,Not synchronised\n"), "warning"),
    ],
)
def test_this_machine(finding: Finding, outcome: str) -> None:
    assert finding.outcome == outcome
    assert bool(finding.advice) == (outcome != "ok")


def test_a_clock_of_which_nothing_is_said_is_left_out() -> None:
    assert machine.judge_clock("timedatectl", "") is None


# ── How it is told, and how checks are kept apart ───────────────────────────────────────────────────────────────────────


def test_a_line_has_outcome_what_and_figures_and_below_it_what_to_do() -> None:
    good = ok("open files", limit=1024, share=0.5, names=["a", "b"])
    assert good.text().split() == ["ok", "open", "files", "limit=1024", "share=0.5", "names=a,b"]
    line, advice = failed("disk", "is full", "Make room.", free_mb=1).text().split("\n")
    assert line.split(maxsplit=2) == ["failed", "disk", "is full  free_mb=1"]
    assert advice.strip() == "Make room."
    told = failed("disk", "is full", "Make room.", free_mb=1).json()
    assert json.loads(told) == {
        "outcome": "failed",
        "what": "disk",
        "found": "is full",
        "figures": {"free_mb": 1},
        "advice": "Make room.",
    }


def test_few_are_named_and_the_rest_counted() -> None:
    assert listed(["b", "a"]) == "a, b"
    assert listed(f"s{number:02}" for number in range(11)).endswith("s09 and 1 more")


async def outcome_of(error: BaseException | None) -> Finding:
    async def check() -> list[Finding]:
        if error is None:
            await asyncio.Event().wait()
            raise AssertionError
        raise error

    (finding,) = await bounded("it", check, patience=0.01, advice="Look.")
    return finding


async def test_whatever_a_check_raises_is_a_finding() -> None:
    assert await outcome_of(None) == failed("it", "no answer within 0.01 s", "Look.")
    assert await outcome_of(TimeoutError()) == failed("it", "no answer within 0.01 s", "Look.")
    assert await outcome_of(UserError("it is away (because); start it, or stop")) == failed(
        "it", "it is away (because)", "Start it, or stop."
    )
    assert await outcome_of(UserError("it is away")) == failed("it", "it is away", "Look.")
    assert await outcome_of(RuntimeError("odd")) == failed("it", "odd", "Look.")
    assert await outcome_of(RuntimeError()) == failed("it", "RuntimeError", "Look.")
    missing = await outcome_of(ModuleNotFoundError("No module named 'x.y'", name="x.y"))
    assert (missing.outcome, missing.found) == ("skipped", "left out: the package x is not installed here")

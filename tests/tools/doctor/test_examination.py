"""``rtchart doctor`` on the real engines and the simulated exchange: all well, and one thing wrong at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from rtchart.broker.cluster import Cluster
from rtchart.broker.group import INSERTERS, join
from rtchart.broker.topics import CANDLES, KLINES, SYMBOLS
from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.local.ports import free_ports
from rtchart.local.postgres import Postgres
from rtchart.process.clock import now_ms
from rtchart.tools.doctor.command import Asked
from tests.corners import execute, make_topics
from tests.store.test_roles import demand_passwords
from tests.tools.doctor.examining import PATIENCE, SECRET, bad, market, report, reveals, run, tell
from tests.waiting import wait_until


async def test_all_is_well(asked: Asked) -> None:
    findings = await report(asked)
    assert bad(findings) == {}
    assert not [each for each in findings.values() if each.outcome == "skipped"]
    prefix = asked.cluster.prefix
    assert findings["kafka cluster"].figures["brokers"] == 1
    assert findings[f"topic {prefix}rtchart.klines"].figures == {"partitions": 12, "replicas": 1}
    assert findings["database roles"].figures == {"may_become": ["rtchart_inserter", "rtchart_aggregator", "rtchart_web"]}
    assert findings["sim symbols"].figures == {"wanted": 1, "trading": 1}
    assert findings["symbols"].figures == {"wanted": 1, "suspended": 0, "streaming": 1}
    assert {"database schema", "partitions of seconds", "sim clock", "sim WebSocket", "sim request weight"} <= findings.keys()


async def test_what_is_not_given_is_told_and_left_out(cluster: Cluster, tmp_path: Path) -> None:
    findings = await report(Asked(cluster, data_dir=tmp_path / "none", patience=PATIENCE))
    assert {what: each.found for what, each in findings.items() if each.outcome == "skipped"} == {
        "disk": f"there is no folder {tmp_path / 'none'}: --data-dir",
        "database": "not given: --database",
        "exchange": "not given: --exchange",
    }


# ── Kafka ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_setting_that_is_another_is_told(cluster: Cluster) -> None:
    name = cluster.name(KLINES)
    async with cluster.admin() as admin:
        wrong = {**cluster.making.config(KLINES), "retention.ms": "60000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=wrong)])

    async def told() -> bool:
        """A broker learns of a change a moment after the controller made it."""
        finding = (await report(Asked(cluster, patience=PATIENCE)))[f"topic {name}"]
        return (finding.outcome, finding.found) == ("warning", "retention.ms is 60000 and is to be 86400000")

    await wait_until(told)


async def test_a_missing_topic_is_told_and_not_made(cluster: Cluster) -> None:
    names = [cluster.name(CANDLES), cluster.name(SYMBOLS)]
    async with cluster.admin() as admin:
        await admin.delete_topics(names)

        async def gone() -> bool:
            return not {*names} & {*await admin.list_topics()}

        await wait_until(gone)
        findings = await report(Asked(cluster, patience=PATIENCE))
        assert await gone()
    assert bad(findings) == {f"topic {name}": "failed" for name in names}
    assert "make it with 12 partitions and cleanup.policy=delete" in findings[f"topic {names[0]}"].advice
    assert (findings["pipeline"].outcome, findings["pipeline"].found) == ("skipped", f"there is no topic {names[1]}")


async def test_too_few_partitions_are_told(kafka: str, topic_prefix: str) -> None:
    cluster = Cluster(kafka, topic_prefix)
    async with cluster.admin() as admin:
        await make_topics(admin, NewTopic(cluster.name(KLINES), 3, 1))
    findings = await report(Asked(cluster, patience=PATIENCE))
    assert "is to have 12 partitions" in findings[f"topic {cluster.name(KLINES)}"].found
    assert findings["kafka inserters' lag"].outcome == "skipped"


async def test_lag_is_what_the_group_has_not_committed(cluster: Cluster) -> None:
    async with cluster.producer() as producer:
        for _ in range(5):
            await producer.send_and_wait(cluster.name(KLINES), b"{}", partition=3)

    async def let_go(gone: frozenset[int]) -> None:
        """Nothing is under way."""

    async with join(cluster, KLINES, INSERTERS, on_revoked=let_go) as group:

        async def committed() -> bool:
            await group.poll(1, within=0.1)
            await group.commit({3: 2, 4: 0})
            figures = (await report(Asked(cluster, patience=PATIENCE)))["kafka inserters' lag"].figures
            return figures == {"records": 3, "partitions": ["3:3", "4:0"]}

        await wait_until(committed, 30)


async def test_no_broker_is_told_and_stops_nothing_else(asked: Asked) -> None:
    (port,) = free_ports(1)
    findings = await report(replace(asked, cluster=Cluster(f"127.0.0.1:{port}")))
    assert bad(findings) == {f"kafka at 127.0.0.1:{port}": "failed"}
    assert findings[f"kafka at 127.0.0.1:{port}"].found == "tcp: Connection refused"
    assert findings["pipeline"].found == "Kafka was not seen"
    assert findings["sim symbols"].outcome == "skipped" and findings["sim clock"].outcome == "ok"
    assert findings["database schema"].outcome == "ok"


async def test_one_broker_of_two_is_a_warning(asked: Asked) -> None:
    (port,) = free_ports(1)
    cluster = replace(asked.cluster, bootstrap=f"127.0.0.1:{port},{asked.cluster.bootstrap}")
    assert bad(await report(replace(asked, cluster=cluster))) == {f"kafka at 127.0.0.1:{port}": "warning"}


async def test_a_server_that_says_nothing_is_waited_for_as_long_as_was_said() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://me@127.0.0.1:{port}/name"
        http = f"http://127.0.0.1:{port}"
        findings = await report(Asked(Cluster(f"127.0.0.1:{port}"), url, "sim", f"ws://127.0.0.1:{port}", http, patience=0.3))
    places = (f"kafka at 127.0.0.1:{port}", f"database 127.0.0.1:{port}/name", "sim REST", "sim WebSocket")
    # On a busy machine the disk, too, may not answer in so short a time.
    assert dict.fromkeys(places, "failed").items() <= bad(findings).items()
    assert all("no answer within 0.3 s" in findings[what].found for what in places)


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_database_without_a_schema_is_told_what_it_needs(asked: Asked, empty_database: str) -> None:
    findings = await report(replace(asked, database=empty_database))
    assert bad(findings) == {"database schema": "failed"}
    assert "rtchart migrate" in findings["database schema"].advice
    assert "dead letters of a day" not in findings


async def test_what_the_tables_say_is_told(asked: Asked) -> None:
    assert asked.database
    now = now_ms()
    await execute(
        asked.database,
        f"""INSERT INTO symbol (exchange, symbol, kline_hours) VALUES ('sim', 'BTCUSDT', 48);
            INSERT INTO gap (symbol_id, start_time, end_time, reason, opened_at)
                SELECT symbol_id, {now - 3 * HOUR}, {now - 3 * HOUR + 7000}, 'step', {now - 2 * HOUR} FROM symbol
                UNION ALL SELECT symbol_id, {now - 9 * DAY}, {now - 8 * DAY}, 'step', {now - 8 * DAY} FROM symbol;
            INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at)
                VALUES (0, '{{1}}', 0, 0, {now - 10 * MINUTE});
            INSERT INTO aggregation_run (started_at, finished_at, error) VALUES ({now}, {now}, 'no disk');
            INSERT INTO dead_letter (at, stage, reason, detail, payload) VALUES ({now}, 'inserter', 'refused_row', '', ''),
                ({now - 2 * DAY}, 'inserter', 'refused_row', '', '')""",
    )
    findings = await report(asked)
    assert bad(findings) == dict.fromkeys(
        ("open gaps", "minutes to be folded", "aggregator's last run", "dead letters of a day"), "warning"
    )
    assert findings["open gaps"].figures["gaps"] == 1 and findings["open gaps"].figures["seconds"] == 7
    assert findings["dead letters of a day"].figures == {"letters": 1}
    assert "no disk" in findings["aggregator's last run"].found


async def test_partitions_that_nobody_made_are_told(asked: Asked, database: str) -> None:
    connection = await asyncpg.connect(database)
    for row in await connection.fetch(
        "SELECT inhrelid::regclass AS name FROM pg_inherits WHERE inhparent = 'kline_1s'::regclass"
    ):
        await connection.execute(f"DROP TABLE {row['name']}")
    await connection.close()
    assert bad(await report(asked)) == {"partitions of seconds": "warning"}


async def test_a_service_sees_what_it_may_and_changes_nothing(asked: Asked) -> None:
    assert asked.database
    findings = await report(replace(asked, database=asked.database.replace("postgres@", "rtchart_inserter@")))
    assert bad(findings) == {}
    assert {what for what, each in findings.items() if each.outcome == "skipped"} == {
        "minutes to be folded",
        "aggregator's last run",
        "dead letters of a day",
    }
    assert findings["database roles"].figures == {"may_become": ["rtchart_inserter"]}


async def test_a_password_that_is_refused_is_told_and_not_shown(folder: Path) -> None:
    async with Postgres(folder / "postgres", unsafe=True) as engine:
        url = engine.url()
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE ROLE me LOGIN PASSWORD 'another'")
        demand_passwords(Path(await connection.fetchval("SHOW hba_file")))
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        given = url.replace("postgres@", f"me:{quote(SECRET, safe='')}@")
        code, output = await run("--json", "--database", given, "--kafka", "127.0.0.1:1")
    assert code == 1
    (found,) = [each for each in map(json.loads, output.splitlines()) if each["what"].startswith("database")]
    assert found["outcome"] == "failed" and "refuses the user" in found["found"]
    assert found["advice"].startswith("Check user and password in --database")
    assert not reveals(output)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace("postgres@", "nobody@"), "refuses the user"),
        (lambda url: f"{url}none", "does not exist"),
        (lambda url: "postgresql://me@127.0.0.1:1/name", "does not answer at 127.0.0.1:1/name"),
        (lambda url: "nothing", "is no PostgreSQL URL"),
    ],
)
async def test_a_database_that_lets_nobody_in_is_told(asked: Asked, change: Callable[[str], str], says: str) -> None:
    assert asked.database
    findings = await report(replace(asked, database=change(asked.database)))
    (what,) = bad(findings)
    assert what.startswith("database ") and says in findings[what].found and findings[what].advice


# ── The exchange and the pipeline ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", [60_000, -60_000])
async def test_a_clock_that_is_off_is_told(asked: Asked, by: int) -> None:
    async with market(start=now_ms() + by) as address:
        finding = (await report(replace(asked, exchange_ws=address.ws, exchange_rest=address.rest)))["sim clock"]
    assert finding.outcome == "failed" and "chronyc" in finding.advice
    assert (" s ahead of it" if by < 0 else " s behind it") in finding.found


async def test_a_symbol_that_is_not_listed_and_one_that_is_stale_are_named(asked: Asked) -> None:
    await tell(asked.cluster, "NONEUSDT", status="refused", detail="Invalid symbol.")
    await tell(asked.cluster, "ETHUSDT", status="stale", detail="no kline for 9 s")
    findings = await report(asked)
    assert bad(findings) == {"sim symbols": "failed", "symbols": "failed"}
    assert findings["sim symbols"].found == "not listed: NONEUSDT"
    assert findings["symbols"].found == (
        "not streaming: sim:ETHUSDT is stale (no kline for 9 s); sim:NONEUSDT is refused (Invalid symbol.)"
    )


async def test_an_exchange_that_is_not_there_is_told_without_what_is_secret_in_its_address(asked: Asked) -> None:
    (port,) = free_ports(1)
    rest, ws = f"http://me:{quote(SECRET, safe='')}@127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    findings = await report(replace(asked, exchange_rest=rest, exchange_ws=ws))
    assert bad(findings) == dict.fromkeys(("sim REST", "sim WebSocket", "sim symbols"), "failed")
    assert f"http://127.0.0.1:{port}/api/v3/time gave no answer" in findings["sim REST"].found
    assert "Connect" in findings["sim WebSocket"].found
    assert not reveals("".join(each.json() + each.text() for each in findings.values()))

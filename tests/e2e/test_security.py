"""What runs may do no more than it must: as the kernel, the database and the API server see it."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE

import asyncpg
import pytest

from tests.e2e.release import NAME, Release

LOOK = (
    "grep -E '^(Uid|CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status; for at in / /usr /etc; do touch $at/x 2>&1; done"
)


async def test_every_process_is_nobody_in_a_file_system_it_cannot_write(release: Release) -> None:
    uids = {"kafka": "1000", "postgresql": "999"}
    for pod in await release.pods():
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        said = (await release.kubectl.run("exec", pod["metadata"]["name"], "--", "sh", "-c", f"{LOOK}; true")).splitlines()
        facts = {name: value.split() for name, _, value in (line.partition(":\t") for line in said) if value}
        assert set(facts["Uid"]) == {uids.get(component, "65532")}, component
        assert {*facts["CapPrm"], *facts["CapEff"], *facts["CapBnd"]} == {"0" * 16}, component
        assert facts["NoNewPrivs"] == ["1"] and facts["Seccomp"] == ["2"], component
        assert sum("Read-only file system" in line for line in said) == 3, said


async def test_no_file_of_our_images_runs_as_somebody_else(release: Release) -> None:
    """None is setuid or setgid. Kafka's and PostgreSQL's images are others'."""
    looked = set()
    for pod in await release.pods():
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        if component not in ("kafka", "postgresql"):
            look = "find / -xdev -type f -perm /6000 2>/dev/null; echo looked"
            said = await release.kubectl.run("exec", pod["metadata"]["name"], "--", "sh", "-c", look)
            assert said.split() == ["looked"], component
            looked.add(component)
    assert {"web", "inserter", "operator"} <= looked


async def test_what_runs_for_a_moment_only_is_held_as_tightly(release: Release) -> None:
    """Runs of the aggregator, and whatever else of the release is there, finished or not."""
    pods = await release.objects("pods")
    assert {"aggregator", "web"} <= {pod["metadata"]["labels"].get("app.kubernetes.io/component") for pod in pods}
    for pod in pods:
        name = pod["metadata"]["name"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] and pod["spec"]["securityContext"]["runAsUser"] > 0, name
        for container in pod["spec"]["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"], name
            assert security["capabilities"] == {"drop": ["ALL"]}, name


async def test_the_namespace_takes_no_other_pods(release: Release) -> None:
    """That the pods of the release were let in says something only if others are not."""
    said = await release.kubectl.run("run", "root", "--image=rtchart/web:dev", "--dry-run=server", good=False)
    assert 'violates PodSecurity "restricted' in said


async def test_the_web_reads_the_database_and_writes_nothing(release: Release) -> None:
    users = await release.fetch("SELECT DISTINCT application_name, usename FROM pg_stat_activity WHERE application_name <> ''")
    running = {row["application_name"]: row["usename"] for row in users if row["application_name"].startswith("rtchart-")}
    assert running.get("rtchart-web") == "rtchart_web"
    async with release.database("rtchart_web") as connection:
        assert await connection.fetchval("SELECT count(*) FROM kline_1s") > 0
        tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        assert {"kline_1s", "candle", "symbol", "gap"} <= set(tables)
        for statement in (
            *(f"DELETE FROM {table}" for table in tables),
            *(f"TRUNCATE {table}" for table in tables),
            "UPDATE candle SET close = 0",
            "INSERT INTO kafka_offset VALUES ('a', 'b', 0, 0)",
            "CREATE TABLE mine ()",
            "CREATE ROLE somebody",
            "SELECT pg_read_file('/etc/passwd')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_a_role_needs_its_password(release: Release) -> None:
    for role in ("rtchart_web", "rtchart_inserter", "rtchart_aggregator"):
        hash_ = await release.fetch("SELECT rolpassword FROM pg_authid WHERE rolname = $1", role)
        assert hash_[0]["rolpassword"].startswith("SCRAM-SHA-256$")


CAN = [
    ("get", "symbols"),
    ("list", "symbols"),
    ("watch", "symbols"),
    ("patch", "symbols"),
    ("patch", "symbols/status"),
    ("create", "events"),
]
CANNOT = [
    ("patch", "events"),
    ("get", "events"),
    ("update", "symbols"),
    ("update", "symbols/status"),
    ("create", "symbols"),
    ("delete", "symbols"),
    ("get", "secrets"),
    ("list", "pods"),
    ("create", "pods"),
    ("get", "configmaps"),
    ("patch", "deployments"),
    ("get", "customresourcedefinitions"),
    ("patch", "customresourcedefinitions"),
    ("list", "namespaces"),
    ("create", "rolebindings"),
]


async def test_the_operator_may_do_what_it_needs_and_no_more(release: Release) -> None:
    async def may(account: str, verb: str, what: str, *where: str) -> bool:
        resource = what.replace("symbols", "symbols.rtchart.dev") if "/" not in what else "symbols.rtchart.dev"
        options = ("--subresource=status",) if "/" in what else ()
        user = f"--as=system:serviceaccount:{release.namespace}:{NAME}-{account}"
        scope = where or (f"--namespace={release.namespace}",)
        command = ("kubectl", "--context", release.context, "auth", "can-i", verb, resource, *options, user, *scope)
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        answer, error = await process.communicate()
        assert answer.strip() in (b"yes", b"no"), error.decode()
        return answer.strip() == b"yes"

    refused = [each for each in CAN if not await may("operator", *each)]
    allowed = [each for each in CANNOT if await may("operator", *each)]
    assert (refused, allowed) == ([], [])
    assert not await may("operator", "list", "symbols", "--namespace=default"), "its namespace is its own"
    for account in ("web", "inserter", "producer-sim", "sim", "aggregator"):
        assert not await may(account, "get", "symbols") and not await may(account, "get", "secrets")

"""No password and no token is where others read: not in logs, the list of processes, /metrics, or what an error says."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest

from rtchart.local.ports import free_ports
from tests.local.running import Running, environment
from tests.waiting import wait_until

PASSWORD = "Gehe1m/+:@% 7"
TOKEN = "Gehe1m-token.for-viewers"
PARTS = ("Gehe1m", b"Gehe1m".hex(), quote(PASSWORD, safe=""))
"""What of them would be told."""

KAFKA = {"KAFKA": "127.0.0.1:1", "KAFKA_SECURITY": "sasl_plaintext", "KAFKA_USER": "me"}
DATABASE = {"DATABASE": "postgresql://rtchart_web@127.0.0.1:1/none"}
GIVEN: dict[str, Mapping[str, str]] = {
    "in variables": {**DATABASE, "DATABASE_PASSWORD": PASSWORD, "KAFKA_PASSWORD": PASSWORD, "TOKEN": TOKEN},
    "in files": {**DATABASE, "DATABASE_PASSWORD_FILE": "password", "KAFKA_PASSWORD_FILE": "password", "TOKEN_FILE": "token"},
    "in the address": {
        "DATABASE": f"postgresql://rtchart_web:{quote(PASSWORD, safe='')}@127.0.0.1:1/none",
        "KAFKA_PASSWORD": PASSWORD,
        "TOKEN": TOKEN,
    },
}


def leaks(text: str) -> list[str]:
    """The lines that tell a secret."""
    return [line for line in text.splitlines() if any(part in line for part in PARTS)]


def listed(process: psutil.Process) -> str:
    """What the list of processes says of it and all that it started."""
    family = [process, *process.children(recursive=True)]
    return "\n".join(" ".join(member.cmdline()) for member in family)


class Service:
    """A service as a process, with its secrets in files beside it, and the clients of its ports."""

    def __init__(self, process: asyncio.subprocess.Process, admin: int, port: int) -> None:
        self.process = process
        self.admin = httpx.AsyncClient(base_url=f"http://127.0.0.1:{admin}", timeout=5)
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5)

    async def waits(self) -> bool:
        """Whether it has tried to reach its servers, and tells so."""
        assert self.process.returncode is None
        try:
            reasons = (await self.admin.get("/readyz")).json()["reasons"]
        except httpx.HTTPError:
            return False
        return any("answer" in why for why in reasons.values())

    async def told(self) -> str:
        """All that its admin port, the list of processes and, at its end, its log tell."""
        pages = [(await self.admin.get(path)).text for path in ("/metrics", "/readyz", "/livez", "/nonsense")]
        processes = listed(psutil.Process(self.process.pid))
        self.process.terminate()
        output, _ = await self.process.communicate()
        assert self.process.returncode == 0
        return "\n".join([*pages, processes, output.decode()])


@asynccontextmanager
async def service(name: str, folder: Path, given: Mapping[str, str]) -> AsyncIterator[Service]:
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "token").write_text(f"{TOKEN}\n")
    admin, port = free_ports(2)
    settings = {**given, "ADMIN_PORT": str(admin), "PORT": str(port), "LOG_LEVEL": "debug"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtchart", name),
        env={**environment(), **{f"RTCHART_{key}": value for key, value in settings.items()}},
        cwd=folder,
        stdout=PIPE,
        stderr=STDOUT,
    )
    running = Service(process, admin, port)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await running.admin.aclose()
        await running.http.aclose()


@pytest.mark.parametrize("how", GIVEN)
@pytest.mark.parametrize("name", ["producer", "inserter", "aggregator", "web"])
async def test_a_service_whose_servers_are_away_tells_none(name: str, how: str, tmp_path: Path) -> None:
    async with service(name, tmp_path, {**KAFKA, **GIVEN[how], "WAIT": "600"}) as running:
        await wait_until(running.waits, 40)
        told = await running.told()
    assert "waiting: " in told and "rtchart_build_info" in told
    assert leaks(told) == []


async def test_no_page_of_the_web_tells_one(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """Its database is away; and whoever shows another token learns nothing of the right one."""
    files = {"DATABASE_PASSWORD_FILE": "password", "TOKEN_FILE": "token"}
    headers: list[dict[str, str]] = [{"Authorization": f"Bearer {token}"} for token in (TOKEN, "another-token.of-mine")]
    async with service("web", tmp_path, {**DATABASE, **files, "KAFKA": kafka, "TOPIC_PREFIX": topic_prefix}) as running:

        async def tells_of_its_database() -> bool:
            assert running.process.returncode is None
            try:
                return bool((await running.http.get("/api/v1/status", headers=headers[0])).json()["database"])
            except httpx.HTTPError:
                return False

        await wait_until(tells_of_its_database, 40)
        pages = ""
        for path in ("/", "/api/v1/status", "/api/v1/klines?symbol=X", "/api/v1/candles", "/none", "/ws"):
            for each in (*headers, {}):
                answer = await running.http.get(path, headers=each)
                pages += f"{answer.headers}\n{answer.text}\n"
        assert leaks(pages + await running.told()) == []


async def test_up_tells_none_of_its_databases_password(kafka: str, topic_prefix: str, database: str, folder: Path) -> None:
    """Its services have it in their environment, which their user alone can read."""
    url = database.replace("postgres@", f"postgres:{quote(PASSWORD, safe='')}@")
    given = {
        **{"RTCHART_KAFKA": kafka, "RTCHART_TOPIC_PREFIX": topic_prefix, "RTCHART_DATABASE": url, "RTCHART_TOKEN": TOKEN},
        "RTCHART_LOG_LEVEL": "debug",
    }
    async with Running.up(folder / "data", "--exchange", "sim", env=given) as running:
        await running.ready()
        children = running.children()
        assert {"producer", "inserter", "aggregator", "web", "exchange"} <= set(children)
        told = listed(psutil.Process(running.process.pid))
        variables = [child.environ() for child in children.values()]
        assert any(PARTS[-1] in each.get("RTCHART_DATABASE", "") for each in variables), "they do have it"
        async with httpx.AsyncClient(timeout=5) as http:
            for port in {each["RTCHART_ADMIN_PORT"] for each in variables if each.get("RTCHART_ADMIN_PORT", "0") != "0"}:
                for path in ("/metrics", "/readyz"):
                    told += (await http.get(f"http://127.0.0.1:{port}{path}")).text
        assert await running.get("/api/v1/status") is None, "which asks for the token"
        await running.stop()
        logs = "\n".join(log.read_text() for log in (folder / "data" / "logs").glob("*.log"))
    assert "web" in logs and leaks(told + running.text + logs) == []

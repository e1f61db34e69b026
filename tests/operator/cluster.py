"""A namespace of a cluster that is made for tests, the operator beside it as a process, and kubectl as its user."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rtchart.core.symbol import API_VERSION, KIND
from rtchart.local.ports import free_ports
from tests.waiting import wait_until

CONTEXTS = ("rtchart-cluster", "kind-rtchart")
"""Clusters that are made for tests. In no other one is anything applied, deleted, or looked at."""
DEFINITION = Path(__file__).parents[2] / "charts/rtchart/crds/symbols.rtchart.dev.yaml"


def context() -> str:
    """The current context, if tests may use it. Skips the test otherwise."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on the PATH")
    asked = subprocess.run((kubectl, "config", "current-context"), capture_output=True, text=True, check=False)
    name = asked.stdout.strip()
    if name not in CONTEXTS:
        pytest.skip(f"the current context is {name or 'none'}; tests use {' or '.join(CONTEXTS)}, and no other cluster")
    alive = subprocess.run((kubectl, "--context", name, "get", "--raw", "/readyz", "--request-timeout=5s"), capture_output=True)
    if alive.returncode:
        pytest.skip(f"the API server of {name} does not answer")
    return name


class Kubectl:
    """kubectl, in one namespace."""

    def __init__(self, context: str, namespace: str) -> None:
        self.namespace = namespace
        self._command = ("kubectl", "--context", context, "--namespace", namespace)

    async def run(self, *arguments: str, stdin: str = "", good: bool = True) -> str:
        """What it prints. ``good``: whether it is to end well."""
        process = await asyncio.create_subprocess_exec(*self._command, *arguments, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
        output, _ = await process.communicate(stdin.encode())
        assert (process.returncode == 0) == good, output.decode()
        return output.decode()

    async def apply(self, *manifests: Mapping[str, Any], good: bool = True, dry: bool = False) -> str:
        options = ("--dry-run=server",) if dry else ()
        return await self.run("apply", *options, "-f", "-", stdin=yaml.safe_dump_all(manifests, allow_unicode=True), good=good)

    async def symbols(self) -> dict[str, dict[str, Any]]:
        """All Symbols by name."""
        return {item["metadata"]["name"]: item for item in json.loads(await self.run("get", "symbols", "-o", "json"))["items"]}

    async def conditions(self, name: str) -> dict[str, tuple[str, str]]:
        """Status and reason of each condition of a Symbol."""
        item = json.loads(await self.run("get", "symbol", name, "-o", "json"))
        return {one["type"]: (one["status"], one["reason"]) for one in item.get("status", {}).get("conditions", ())}

    async def until(self, name: str, kind: str, *expected: str, within: float = 40) -> None:
        """Wait until a condition has this status and reason."""

        async def said() -> bool:
            found = (await self.conditions(name)).get(kind)
            assert found == expected, f"{name}: {kind} is {found}, not yet {expected}"
            return True

        await wait_until(said, within, every=0.2)

    async def events(self, name: str) -> list[tuple[str, str]]:
        """Type and reason of the Events about a Symbol, oldest first."""
        text = await self.run(
            "get",
            "events",
            "--field-selector",
            f"involvedObject.name={name}",
            "--sort-by=.metadata.creationTimestamp",
            "-o",
            "json",
        )
        return [(item["type"], item["reason"]) for item in json.loads(text)["items"]]


def symbol(name: str, listed: str, **spec: Any) -> dict[str, Any]:
    """A manifest, at the simulated exchange."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"exchange": "sim", "symbol": listed, **spec},
    }


class Operator:
    """An operator as a process."""

    def __init__(self, process: Process, port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self._port = port

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=5) as client:
            return await client.get(f"http://127.0.0.1:{self._port}{path}")

    async def ready(self) -> bool:
        try:
            return (await self.get("/readyz")).is_success
        except httpx.HTTPError:
            return False

    async def metrics(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Values by name and the values of labels."""
        families = text_string_to_metric_families((await self.get("/metrics")).text)
        return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 15)


@contextlib.asynccontextmanager
async def operator(folder: Path, namespace: str, **options: str) -> AsyncIterator[Operator]:
    """Start one; it is killed at the end if it still runs. ``options`` as ``RTCHART_…`` without that prefix, and KUBECONFIG."""
    (port,) = free_ports(1)
    chosen = {"NAMESPACE": namespace, "ADMIN_PORT": str(port), "EXCHANGE_REST_BINANCE": "http://127.0.0.1:9", **options}
    env = {**os.environ, **{name if name == "KUBECONFIG" else f"RTCHART_{name}": value for name, value in chosen.items()}}
    path = folder / f"operator-{uuid.uuid4().hex[:4]}.log"
    with path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rtchart_operator", env=env, stdout=log, stderr=log
        )
    try:
        yield Operator(process, port, path)
    except BaseException:
        print(f"exit code {process.returncode}", path.read_text(), sep="\n")
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Relay:
    """A way to the API server that can be cut, for one client: the server itself is also others'."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._host, self._port = parts.hostname, parts.port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._copying: set[asyncio.Future[Any]] = set()
        self._closing = asyncio.Event()
        (self.port,) = free_ports(1)

    async def open(self) -> None:
        self._closing.clear()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse new connections, and break those that are there."""
        if self._server:
            self._server.close()
            self._server = None
        self._closing.set()
        for writer in list(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """Let nothing pass any more on the connections that are there, and leave them open. New ones are served."""
        for copying in self._copying:
            copying.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        copying = asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._copying.add(copying)
        try:
            await copying
        except asyncio.CancelledError:
            await self._closing.wait()  # stalled: open, and silent
        finally:
            self._copying.discard(copying)
            self._writers -= {writer, back}
            for each in (writer, back):
                each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def through_relay(kubectl: Kubectl, folder: Path) -> tuple[Relay, Path]:
    """A relay that is open, and a kubeconfig whose way leads through it."""
    config = yaml.safe_load(await kubectl.run("config", "view", "--minify", "--flatten"))
    cluster = config["clusters"][0]["cluster"]
    relay = Relay(cluster["server"])
    await relay.open()
    cluster["server"] = f"https://127.0.0.1:{relay.port}"
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return relay, path

"""A release of the chart in a namespace of its own: Helm's verbs, and every way to ask what runs."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import uuid
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx

from tests.e2e.kube import forwarded
from tests.operator.cluster import DEFINITION, Kubectl
from tests.waiting import wait_until

CHART = Path(__file__).parents[2] / "charts/rtchart"
NAME = "rtchart"
SYMBOLS = ("BTCUSDT", "ETHUSDT")

WORKLOADS = ("producer", "inserter", "aggregator", "web", "operator", "sim")
HISTORY_HOURS = 3
CONTROL = 9011
"""The simulated exchange's control port."""
# So little, that two releases fit on a machine of two cores.
_REQUESTS = {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}
VALUES: dict[str, Any] = {
    "image": {"tag": os.environ.get("TAG", "dev"), "registry": os.environ.get("REGISTRY", "").rstrip("/")},
    "exchange": {"binance": {"enabled": False}, "sim": {"enabled": True}},
    "symbols": list(SYMBOLS),
    **{name: _REQUESTS for name in WORKLOADS},
    "producer": {**_REQUESTS, "historyHours": HISTORY_HOURS},
    "sim": {**_REQUESTS, "extraEnv": [{"name": "RTCHART_CONTROL_PORT", "value": str(CONTROL)}]},
    "kafka": {"resources": {"requests": {"cpu": "50m", "memory": "256Mi"}}},
    "postgresql": {"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}},
}
"""What every release of the tests is installed with."""


Measured = Callable[[str, object], None]
"""The fixture ``measured``."""


class At(NamedTuple):
    """Where a Service is, through the API server."""

    rest: str

    @property
    def ws(self) -> str:
        return self.rest.replace("http://", "ws://", 1)


class Release:
    """The chart as it runs. ``proxy``: URL of the API server (`tests.e2e.kube.proxied`)."""

    def __init__(self, context: str, namespace: str, proxy: str) -> None:
        self.context = context
        self.namespace = namespace
        self.kubectl = Kubectl(context, namespace)
        services = f"{proxy}/api/v1/namespaces/{namespace}/services"
        self.web = At(f"{services}/{NAME}-web:http/proxy")
        self.exchange = At(f"{services}/{NAME}-sim:exchange/proxy")

    # --- Helm ---

    async def install(self, values: Mapping[str, Any] | None = None, *, chart: Path = CHART) -> None:
        """Install or upgrade, and wait until all is ready. ``values`` are put over `VALUES`, section by section."""
        chosen = {**VALUES, **{key: _over(VALUES.get(key), value) for key, value in (values or {}).items()}}
        arguments = ("upgrade", "--install", NAME, str(chart), "--values", "-", "--wait", "--timeout", "5m")
        await self.helm(*arguments, stdin=json.dumps(chosen))

    async def rollback(self) -> None:
        """Back to what ran before the last upgrade."""
        await self.helm("rollback", NAME, "--wait", "--timeout", "5m")

    async def uninstall(self) -> None:
        await self.helm("uninstall", NAME, "--wait", "--timeout", "5m")

    async def helm(self, *arguments: str, stdin: str = "") -> str:
        """What Helm prints."""
        command = ("helm", "--kube-context", self.context, "--namespace", self.namespace, *arguments)
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
        output, _ = await process.communicate(stdin.encode())
        assert process.returncode == 0, f"helm {' '.join(arguments)}: {output.decode()}"
        return output.decode()

    # --- What runs ---

    async def objects(self, *what: str) -> list[dict[str, Any]]:
        """What ``kubectl get`` finds."""
        return list(json.loads(await self.kubectl.run("get", *what, "-o", "json"))["items"])

    async def pods(self, component: str = "") -> list[dict[str, Any]]:
        """The pods of the release that run for good and are not on their way out; of one component, or all."""
        selector = f"app.kubernetes.io/instance={NAME}" + (f",app.kubernetes.io/component={component}" if component else "")
        found = await self.objects("pods", "--selector", selector)
        return [pod for pod in found if pod["spec"]["restartPolicy"] == "Always" and "deletionTimestamp" not in pod["metadata"]]

    async def ready(self) -> bool:
        """Whether every pod is; says which is not."""
        lacking = [pod["metadata"]["name"] for pod in await self.pods() if not is_ready(pod)]
        assert not lacking, f"not ready: {', '.join(lacking)}"
        return True

    async def restarts(self) -> dict[str, int]:
        """How often each pod's container was started anew."""
        return {
            pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))
            for pod in await self.pods()
        }

    async def get(self, path: str, **parameters: Any) -> Any:
        """The web's JSON answer to ``/api/v1/PATH``."""
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.get(f"{self.web.rest}/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def secret(self, name: str, key: str) -> str:
        text = await self.kubectl.run("get", "secret", name, "-o", f"jsonpath={{.data.{key}}}")
        return base64.b64decode(text).decode()

    @asynccontextmanager
    async def database(self, role: str = NAME) -> AsyncIterator[asyncpg.Connection]:
        """A connection to the database, as its owner or as a service's role."""
        secret = (f"{NAME}-postgresql", "password") if role == NAME else (f"{NAME}-database-roles", role)
        password = await self.secret(*secret)
        async with forwarded(self.context, self.namespace, f"pod/{NAME}-postgresql-0", 5432) as port:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=port, user=role, password=password, database=NAME, timeout=20, ssl=False
            )
            try:
                yield connection
            finally:
                with suppress(OSError, asyncpg.PostgresError):
                    await connection.close(timeout=5)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the database, as its owner."""
        async with self.database() as connection:
            return list(await connection.fetch(sql, *arguments))

    async def picture(self) -> str:
        """What a person would look at first when something is wrong."""
        parts = [
            await self.kubectl.run("get", "pods,symbols,jobs", "-o", "wide"),
            await self.kubectl.run("get", "events", "--sort-by=.lastTimestamp"),
        ]
        for pod in await self.pods():
            name = pod["metadata"]["name"]
            with suppress(AssertionError):
                parts.append(f"== {name}\n{await self.kubectl.run('logs', name, '--tail=15')}")
        return "\n".join(parts)


def is_ready(pod: Mapping[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))


def _over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}


@asynccontextmanager
async def namespace(context: str, proxy: str) -> AsyncIterator[Release]:
    """A release to install, in a new namespace that takes no pod but restricted ones; all of it is deleted at the end."""
    name = f"rtchart-e2e-{uuid.uuid4().hex[:6]}"
    release = Release(context, name, proxy)
    await release.kubectl.run("create", "namespace", name)
    # A definition that is there already Helm would leave as it is.
    if "symbols.rtchart.dev" in await release.kubectl.run("get", "crd", "-o", "name"):
        await release.kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
    levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    await release.kubectl.run("label", "namespace", name, *levels)
    try:
        yield release
    finally:
        await asyncio.shield(_delete(release))


@asynccontextmanager
async def control(release: Release) -> AsyncIterator[int]:
    """A port of this machine that leads to the simulated exchange's control endpoint."""
    (pod,) = await release.pods("sim")
    async with forwarded(release.context, release.namespace, f"pod/{pod['metadata']['name']}", CONTROL) as port:
        yield port


async def _delete(release: Release) -> None:
    # Without its hooks, which would wait for an operator that a test may have broken. A Symbol keeps its namespace
    # until its finalizer is taken off, which an operator that still ends puts on again.
    with suppress(AssertionError):
        await release.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found")
    await release.kubectl.run("delete", "namespace", release.namespace, "--wait=false")

    async def gone() -> bool:
        with suppress(AssertionError):  # no Symbols are defined, or this one is gone meanwhile
            for symbol in await release.kubectl.symbols():
                patch = '{"metadata":{"finalizers":null}}'
                await release.kubectl.run("patch", f"symbol/{symbol}", "--type=merge", "-p", patch)
        return not await release.kubectl.run("get", "namespace", release.namespace, "--ignore-not-found", "-o", "name")

    await wait_until(gone, 180, every=1)

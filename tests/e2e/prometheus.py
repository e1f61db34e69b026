"""A Prometheus beside the release, as k8s/monitoring has it, and what may be asked of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.e2e.kube import forwarded
from tests.e2e.release import Release

FILES = Path(__file__).parents[2] / "k8s/monitoring"


class Prometheus:
    """Asks its HTTP API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of an instant query. Fails with what Prometheus says of a wrong expression."""
        data = await self._get("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    async def value(self, expression: str) -> float | None:
        """Of the only series; None where there is none."""
        found = await self.query(expression)
        assert len(found) <= 1, f"{expression} has {len(found)} series"
        return found[0][1] if found else None

    async def alerts(self) -> dict[tuple[str, str], str]:
        """Of each alert that fires or is about to, by name and severity, whether it is ``firing`` or ``pending``."""
        found: dict[tuple[str, str], str] = {}
        for alert in (await self._get("alerts"))["alerts"]:
            key = alert["labels"]["alertname"], alert["labels"]["severity"]
            found[key] = "firing" if "firing" in (found.get(key), alert["state"]) else "pending"
        return found

    async def unhealthy(self) -> dict[str, str]:
        """Rules whose last evaluation failed, with the error."""
        groups = (await self._get("rules"))["groups"]
        return {rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if rule["health"] == "err"}

    async def _get(self, path: str, **parameters: str) -> Any:
        answer = await self._client.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, f"{parameters or path}: {answer.text}"
        return answer.json()["data"]


def hurried(rules: str) -> str:
    """The rules with waiting times and windows that a test can wait for. The true ones promtool tries, in no time."""
    rules = re.sub(r"(?m)^(\s+for): \w+$", r"\1: 10s", rules)
    for true, short in _SHORT.items():
        assert true in rules, f"no rule has {true}"
        rules = rules.replace(true, short)
    return re.sub(r"(?<=\[)(\d+)([mhd])(?=\])", lambda window: f"{max(30, int(window[1]) * _UNITS[window[2]] // 30)}s", rules)


_SHORT = {
    "[1d] offset 1d": "[1d] offset 30s",
    "[1h] offset 15m": "[1h] offset 30s",
    "< 15 * 60": "< 30",
    "(rtchart_symbol_oldest_gap_timestamp_seconds) > 300": "(rtchart_symbol_oldest_gap_timestamp_seconds) > 20",
}
_UNITS = {"m": 60, "h": 3600, "d": 86400}


@asynccontextmanager
async def prometheus(release: Release) -> AsyncIterator[Prometheus]:
    """Runs in the release's namespace while the block lasts, with the alerts in a hurry (`hurried`)."""
    kubectl = release.kubectl
    rules = hurried((FILES / "rtchart.rules.yaml").read_text())
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "rtchart-rules"},
        "data": {"rtchart.rules.yaml": rules},
    }
    objects = [each for each in yaml.safe_load_all((FILES / "prometheus.yaml").read_text()) if each]
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = await _image(release, container["image"])
    manifest = yaml.safe_dump_all([made, *objects])
    await kubectl.run("apply", "-f", "-", stdin=manifest)
    try:
        await kubectl.run("rollout", "status", "deployment/prometheus", "--timeout=120s")
        async with (
            forwarded(release.context, release.namespace, "deployment/prometheus", 9090) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
        ):
            yield Prometheus(client)
    finally:
        await kubectl.run("delete", "--wait=false", "-f", "-", stdin=manifest)


async def _image(release: Release, wanted: str) -> str:
    """``PROMETHEUS_IMAGE``, or a Prometheus that the node has already, or the one that is wanted."""
    if chosen := os.environ.get("PROMETHEUS_IMAGE"):
        return chosen
    nodes = json.loads(await release.kubectl.run("get", "nodes", "-o", "json"))["items"]
    names = [name for node in nodes for image in node["status"]["images"] for name in image["names"] or ()]
    there = [name for name in names if "prom/prometheus:" in name]
    return there[0] if there else wanted

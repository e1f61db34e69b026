"""``skaffold dev -p dev``: a source that is edited answers from the running pod. Left out where there is no skaffold."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.release import NAME, Measured, Release, namespace
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
EDITED = "services/rtchart/web/app.py"
BEFORE = 'Response(text, 200 if good else 503, content_type="text/plain'
AFTER = BEFORE.replace("text,", '"edited",')
START = 600.0
"""Seconds for six images and a release."""


@pytest.mark.skipif(shutil.which("skaffold") is None, reason="there is no skaffold on the PATH")
async def test_an_edited_route_answers_from_the_running_pod(
    context: str, proxy: str, tmp_path: Path, measured: Measured
) -> None:
    sources = copied(tmp_path / "rtchart")
    async with namespace(context, proxy) as release, developing(sources, release):

        async def said() -> str:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(f"{release.web.rest}/livez")
            return answer.text if answer.is_success else f"{answer.status_code}"

        assert await wait_until(said, START, every=1) == "live\n"
        pods = {pod["metadata"]["uid"] for pod in await release.pods("web")}
        text = (sources / EDITED).read_text(encoding="utf-8")
        assert BEFORE in text
        (sources / EDITED).write_text(text.replace(BEFORE, AFTER), encoding="utf-8")
        begun = time.monotonic()

        async def new() -> bool:
            return await said() == "edited"

        await wait_until(new, 60, every=0.2)
        measured("from an edited route to its answer from the pod", f"{time.monotonic() - begun:.1f} s")
        assert {pod["metadata"]["uid"] for pod in await release.pods("web")} == pods, "the pod is another one"


def copied(folder: Path) -> Path:
    """What is in the repository, as it stands here, in another folder: to be edited."""
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


@asynccontextmanager
async def developing(sources: Path, release: Release) -> AsyncIterator[None]:
    """``skaffold dev -p dev`` of these sources into the release's namespace, deployed; its output when it fails."""
    config = sources / "skaffold.yaml"
    config.write_text(yaml.safe_dump(here(yaml.safe_load(config.read_text(encoding="utf-8")), release)), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *("skaffold", "dev", "--profile", "dev", "--kube-context", release.context),
        *("--port-forward=off", "--interactive=false", "--cleanup=false", "--tail=false"),
        cwd=sources,
        env={**os.environ, "SKAFFOLD_UPDATE_CHECK": "false", "SKAFFOLD_DETECT_MINIKUBE": "false"},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    lines: list[str] = []

    async def keep() -> None:
        assert process.stdout
        async for line in process.stdout:
            lines.append(line.decode(errors="replace"))

    reading = asyncio.create_task(keep())

    async def watching() -> bool:
        if process.returncode is not None:
            raise RuntimeError("skaffold ended:\n" + "".join(lines[-60:]))
        return any("Watching for changes" in line for line in lines)

    try:
        await wait_until(watching, START, every=0.5)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        reading.cancel()


def here(config: dict[str, Any], release: Release) -> dict[str, Any]:
    """The configuration as it is, but for the namespace and what this cluster wants of images: `scripts/cluster` loads them."""
    # What skaffold has built for a deployment has its content's digest as its tag.
    built = "docker images --format '{{.Repository}}:{{.Tag}}' 'rtchart/*' | grep -E ':[0-9a-f]{64}$'"
    load = {"host": {"command": ["bash", "-c", f"{ROOT}/scripts/cluster load $({built})"]}}
    for part in (config, *config["profiles"]):
        for artifact in part["build"]["artifacts"]:
            artifact["docker"]["network"] = "host"
        if helm := part.get("deploy", {}).get("helm"):
            helm["hooks"] = {"before": [load]}
            for deployed in helm["releases"]:
                assert deployed["name"] == NAME
                deployed["namespace"] = release.namespace
                deployed.pop("createNamespace", None)
    config["portForward"] = []
    return config

"""A namespace of its own for each test that needs a cluster."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.operator.cluster import DEFINITION, Kubectl, context


@pytest.fixture(scope="session")
async def definition() -> str:
    """The context of a cluster that knows Symbols."""
    name = context()
    kubectl = Kubectl(name, "default")
    await kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
    await kubectl.run("wait", "--for=condition=Established", "crd/symbols.rtchart.dev", "--timeout=30s")
    return name


@pytest.fixture
async def kubectl(definition: str) -> AsyncIterator[Kubectl]:
    """kubectl in a new namespace, which is deleted after the test."""
    namespace = f"rtchart-test-{uuid.uuid4().hex[:8]}"
    found = Kubectl(definition, namespace)
    await found.run("create", "namespace", namespace)
    yield found
    for name, item in (await found.symbols()).items():
        if "finalizers" in item["metadata"]:  # whoever was to remove it may be gone by now
            await found.run("patch", f"symbol/{name}", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    await asyncio.shield(found.run("delete", "namespace", namespace, "--wait=false"))

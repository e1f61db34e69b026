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
    # Whoever was to remove a finalizer may be gone by now.
    names = [f"symbol/{name}" for name in await found.symbols()]
    for name in names:
        await found.run("patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    await asyncio.shield(found.run("delete", "namespace", namespace, "--wait=false"))

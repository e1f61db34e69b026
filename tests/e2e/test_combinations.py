"""Every combination of values before a real API server that knows Symbols: what Helm renders is what Kubernetes takes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

from tests.chart.combinations import MATRIX
from tests.chart.rendering import render
from tests.e2e.release import Release

FOREIGN = {
    "HTTPRoute": "httproutes.gateway.networking.k8s.io",
    "PodMonitor": "podmonitors.monitoring.coreos.com",
    "PrometheusRule": "prometheusrules.monitoring.coreos.com",
    "ScaledObject": "scaledobjects.keda.sh",
}
"""Kinds of others with their definitions: those that the cluster lacks are left out."""


@pytest.mark.parametrize("name", MATRIX)
async def test_it_is_taken(release: Release, name: str) -> None:
    rendered = await asyncio.to_thread(render, MATRIX[name])
    defined = await release.kubectl.run("get", "crd", "-o", "name")
    lacking = {kind for kind, definition in FOREIGN.items() if definition not in defined}
    manifests = [_moved(each, release.namespace) for each in rendered.objects if each["kind"] not in lacking]
    text = yaml.safe_dump_all(manifests, allow_unicode=True)
    # "create": nothing that is there already has a part in the answer.
    options = ("--dry-run=server", "--validate=strict", "-f", "-")
    said = await release.kubectl.run("create", *options, stdin=text)
    assert "would violate PodSecurity" not in said
    assert len(said.splitlines()) >= len(manifests)


def _moved(manifest: Any, namespace: str) -> dict[str, Any]:
    metadata = {**manifest["metadata"], "name": f"dry-{manifest['metadata']['name']}"}
    if "namespace" in metadata:
        metadata["namespace"] = namespace
    return {**manifest, "metadata": metadata}

"""A second release beside the first, and what is left of one that was uninstalled."""

from __future__ import annotations

from tests.e2e.kube import proxied
from tests.e2e.release import NAME, Release, namespace
from tests.operator.cluster import symbol
from tests.waiting import wait_until

KINDS = (
    "pods,services,deployments,statefulsets,jobs,cronjobs,configmaps,secrets,serviceaccounts,roles,rolebindings,"
    "poddisruptionbudgets,networkpolicies,persistentvolumeclaims,symbols"
)
KUBERNETES_OWN = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
LEFT = {
    "PersistentVolumeClaim/data-rtchart-broker-0",
    "PersistentVolumeClaim/data-rtchart-postgresql-0",
    "Secret/rtchart-postgresql",
    "Secret/rtchart-database-roles",
    "Symbol/by-hand",
}


async def everything(release: Release) -> set[str]:
    found = {f"{each['kind']}/{each['metadata']['name']}" for each in await release.objects(KINDS)}
    return found - KUBERNETES_OWN


async def test_two_releases_side_by_side_and_what_one_leaves(release: Release, context: str) -> None:
    async with proxied(context) as proxy, namespace(context, proxy) as second:
        taken = {"name": "taken", "symbol": "XRPUSDT", "deletionPolicy": "Delete"}
        await second.install(
            {"symbols": ["BTCUSDT", taken], "exchange": {"sim": {"seed": 2}}, "producer": {"historyHours": 0.1}}
        )
        await second.kubectl.apply(symbol("by-hand", "ADAUSDT"))
        await second.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=90s")
        assert {each["symbol"] for each in (await second.get("symbols"))["symbols"]} == {"BTCUSDT", "XRPUSDT", "ADAUSDT"}
        assert not {"XRPUSDT", "ADAUSDT"} & {each["symbol"] for each in (await release.get("symbols"))["symbols"]}
        await second.helm("test", NAME, "--timeout", "3m")
        password = await second.secret(f"{NAME}-postgresql", "password")

        await second.uninstall()
        await wait_until(lambda: only_left(second), 120, every=1)
        assert await second.secret(f"{NAME}-postgresql", "password") == password
        assert "symbols.rtchart.dev" in await second.kubectl.run("get", "crd", "-o", "name")
        roles = await second.kubectl.run("get", "clusterroles,clusterrolebindings", "-o", "name")
        assert second.namespace not in roles
        assert await release.ready(), "the other one has not noticed"

        # What was kept is found again.
        await second.install({"symbols": ["BTCUSDT"], "exchange": {"sim": {"seed": 2}}})
        rows = await second.fetch(
            "SELECT symbol, count(k.open_time) AS n FROM symbol LEFT JOIN kline_1s k USING (symbol_id) GROUP BY 1"
        )
        stored = {row["symbol"]: row["n"] for row in rows}
        assert stored["BTCUSDT"] > 0 and stored["ADAUSDT"] > 0 and stored["XRPUSDT"] == 0


async def only_left(release: Release) -> bool:
    found = await everything(release)
    assert found == LEFT, f"left: {sorted(found - LEFT)}; lacking: {sorted(LEFT - found)}"
    return True

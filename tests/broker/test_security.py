"""Logging in at Kafka: what fits together, and on real listeners that ask who is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.inspection import NotLetIn, knock, servers
from rtchart.broker.security import Security
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import SYMBOLS
from rtchart.core.errors import Unavailable, UserError
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.kafka import Kafka
from rtchart.local.ports import LOOPBACK, free_ports
from tests.certificates import Keys

SECRET = "open Sesame! 5%"


@pytest.mark.parametrize(
    ("security", "says"),
    [
        (Security("sasl_ssl"), "give --kafka-user too"),
        (Security("sasl_plaintext", user="me"), "give --kafka-password too"),
        (Security(user="me"), "--kafka-user is given, and --kafka-security is plaintext"),
        (Security("ssl", mechanism="plain"), "--kafka-sasl is given, and --kafka-security is ssl"),
        (Security("ssl", password=SECRET), "--kafka-password is given"),
        (Security("sasl_plaintext", user="me", password=SECRET, ca=Path("ca")), "choose --kafka-security ssl or sasl_ssl"),
        (Security(cert=Path("cert")), "--kafka-cert is given"),
        (Security("ssl", key=Path("key")), "give --kafka-cert too"),
        (Security("ssl", ca=Path("/none/ca")), "--kafka-ca cannot be used: /none/ca: No such file"),
        (Security("ssl", ca=Path(__file__)), "holds no PEM that fits"),
        (Security("ssl", cert=Path("/none/cert")), "/none/cert: No such file"),
    ],
)
def test_what_does_not_fit_together_is_said_in_one_sentence(security: Security, says: str) -> None:
    with pytest.raises(UserError, match=says) as refusal:
        Cluster("127.0.0.1:9092", security=security).settings()
    assert SECRET not in str(refusal.value) + repr(security)
    assert not isinstance(refusal.value, Unavailable)  # which would be waited for


@dataclass
class Guarded:
    """A broker whose listeners ask who is there."""

    keys: Keys
    ssl: str
    sasl_ssl: str
    sasl_plaintext: str


@pytest.fixture(scope="module")
async def guarded(engine_folder: Path) -> AsyncIterator[Guarded]:
    folder = engine_folder / "guarded"
    folder.mkdir()
    keys = Keys(folder)
    store = keys.sign("broker", f"subjectAltName=IP:{LOOPBACK}")
    ports = free_ports(3)
    listeners = ("SSL", "SASL_SSL", "SASL_PLAINTEXT")
    addresses = [f"{LOOPBACK}:{port}" for port in ports]
    more = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": store,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": keys.ca,
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
    }
    module = "org.apache.kafka.common.security"
    for name in listeners[1:]:
        at = f"listener.name.{name.lower()}"
        more[f"{at}.plain.sasl.jaas.config"] = f'{module}.plain.PlainLoginModule required user_me="{SECRET}";'
        more[f"{at}.scram-sha-512.sasl.jaas.config"] = f"{module}.scram.ScramLoginModule required;"
    engine = Kafka(
        folder / "kafka",
        brief=True,
        listeners=dict(zip(listeners, addresses, strict=True)),
        properties=more,
        scram={"strimzi": SECRET},
    )
    async with engine:
        yield Guarded(keys, *addresses)


async def round_trip(cluster: Cluster) -> None:
    """Admin, producer and consumer, each over a connection of its own."""
    await ensure_topics(cluster, (SYMBOLS,))
    btc = DesiredSymbol("binance", "BTCUSDT", epoch=1)
    async with cluster.producer() as producer:
        await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put({str(btc.identity): btc})
    assert await Table(cluster, SYMBOLS, DesiredSymbol).snapshot() == {str(btc.identity): btc}


@pytest.mark.parametrize(("user", "mechanism"), [("me", "plain"), ("strimzi", None)])
@pytest.mark.parametrize("protocol", ["sasl_plaintext", "sasl_ssl"])
async def test_a_user_logs_in(guarded: Guarded, protocol: str, user: str, mechanism: str | None) -> None:
    tls = protocol.endswith("ssl")
    security = Security(protocol, mechanism, user, SECRET, ca=guarded.keys.ca if tls else None)  # type: ignore[arg-type]
    where = guarded.sasl_ssl if tls else guarded.sasl_plaintext
    async with asyncio.timeout(30):
        await round_trip(Cluster(where, f"{protocol}-{user}.", security=security))


@pytest.mark.parametrize("how", ["one file", "two files"])
async def test_a_certificate_logs_in(guarded: Guarded, how: str) -> None:
    pem = guarded.keys.sign("client")
    security = Security("ssl", ca=guarded.keys.ca, cert=pem)
    if how == "two files":
        security = replace(security, cert=pem.with_suffix(".crt"), key=pem.with_suffix(".key"))
    async with asyncio.timeout(30):
        await round_trip(Cluster(guarded.ssl, f"{how[:3]}.", security=security))


async def test_a_broker_that_is_another_is_not_spoken_to(guarded: Guarded, tmp_path: Path) -> None:
    """Its certificate is for its address, and of an authority: neither another name nor another authority will do."""
    client = guarded.keys.sign("another-client")
    port = guarded.ssl.rpartition(":")[2]
    elsewhere = Cluster(f"localhost:{port}", security=Security("ssl", ca=guarded.keys.ca, cert=client))
    with pytest.raises(Unavailable, match=r"none lets us in as ssl .* certificates"):
        await elsewhere.cluster_id()
    imposter = Security("sasl_ssl", "plain", "me", SECRET, ca=Keys(tmp_path).ca)
    with pytest.raises(Unavailable, match=r"none lets us in as sasl_ssl .* certificates"):
        await Cluster(guarded.sasl_ssl, security=imposter).cluster_id()


async def test_who_is_refused_is_told_so_without_the_password(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    wrong = Security("sasl_plaintext", "plain", "me", wrong_password := "not it, 7%")
    with pytest.raises(Unavailable, match=r"none lets us in as sasl_plaintext .* password") as refusal:
        await Cluster(guarded.sasl_plaintext, security=wrong).cluster_id()
    strangers = Security("ssl")  # trusts whom this machine trusts, and shows no certificate
    with pytest.raises(Unavailable, match=r"none lets us in as ssl .* certificates"):
        await Cluster(guarded.ssl, security=strangers).cluster_id()
    assert wrong_password not in caplog.text + str(refusal.value)


@pytest.mark.parametrize(
    ("listener", "security", "layer", "says"),
    [
        ("ssl", Security("ssl"), "tls", "unable to get local issuer certificate"),
        ("ssl", Security(), "kafka", "closed"),
        ("sasl_plaintext", Security("ssl"), "tls", "."),
        ("sasl_plaintext", Security("sasl_plaintext", "plain", "me", "not it"), "sasl", "Invalid username or password"),
        (
            "sasl_plaintext",
            Security("sasl_plaintext", "scram-sha-256", "me", SECRET),
            "sasl",
            "this listener has no SCRAM-SHA-256",
        ),
        ("plaintext", Security("sasl_plaintext", "plain", "me", SECRET), "sasl", "asks nobody who he is"),
    ],
)
async def test_a_knock_tells_which_layer_refused(
    guarded: Guarded, kafka: str, listener: str, security: Security, layer: str, says: str
) -> None:
    cluster = Cluster(kafka if listener == "plaintext" else getattr(guarded, listener), security=security)
    (server,) = servers(cluster)
    with pytest.raises(NotLetIn, match=says) as refusal:
        await knock(cluster, server, patience=30)
    assert refusal.value.layer == layer
    assert SECRET not in str(refusal.value) and "not it" not in str(refusal.value)


async def test_who_may_come_in_is_let_in(guarded: Guarded) -> None:
    cluster = Cluster(guarded.sasl_ssl, security=Security("sasl_ssl", "plain", "me", SECRET, ca=guarded.keys.ca))
    (server,) = servers(cluster)
    await knock(cluster, server, patience=30)

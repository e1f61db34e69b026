"""Probes and metrics, asked over HTTP as a kubelet and a Prometheus do."""

import socket
import urllib.error
import urllib.request

import pytest

from rtchart.core.errors import UserError
from rtchart.process import health as health_module
from rtchart.process import metrics
from rtchart.process.health import Health, serve_admin
from rtchart.process.wsgi import Address


@pytest.fixture
def admin():
    health = Health()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stop = serve_admin(health, Address("127.0.0.1", port))
    yield health, f"http://127.0.0.1:{port}"
    stop()


def ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_a_process_is_ready_when_each_part_of_it_is(admin):
    health, url = admin
    assert ask(f"{url}/readyz") == (503, '{"ready":false,"reasons":{"start":"starting"}}')
    health.unready("kafka", "no broker answers")
    health.ready()
    assert ask(f"{url}/readyz") == (503, '{"ready":false,"reasons":{"kafka":"no broker answers"}}')
    health.ready("kafka")
    assert ask(f"{url}/readyz") == (200, '{"ready":true,"reasons":{}}')


def test_a_hung_event_loop_is_not_alive(admin, monkeypatch):
    _, url = admin
    assert ask(f"{url}/livez") == (200, "live\n")
    monkeypatch.setattr(health_module, "HUNG_AFTER", -1.0)
    status, text = ask(f"{url}/livez")
    assert status == 503
    assert "has not turned" in text


def test_metrics_are_served_beside_them_and_nothing_else_is(admin):
    _, url = admin
    metrics.observe("consumed_to_sent", -0.5)
    status, text = ask(f"{url}/metrics")
    assert status == 200
    assert 'rtchart_stage_latency_seconds_bucket{le="0.001",stage="consumed_to_sent"}' in text
    assert 'rtchart_stage_latency_negative_total{stage="consumed_to_sent"} 1.0' in text
    assert ask(f"{url}/")[0] == 404


def test_a_port_in_use_is_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"127\.0\.0\.1:{port}.*--admin-port"):
            serve_admin(Health(), Address("127.0.0.1", port))

"""Tokens: where some are given, API and socket are for those who have one; page and probes are for everybody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from rtchart.core.errors import UserError
from rtchart.web.admission import Origins, Rules
from rtchart.web.tokens import SUBPROTOCOL, Tokens, given, of_header, of_subprotocols
from tests.web.conftest import BTC
from tests.web.running import Running, running

OLD, NEW = "an.old-one_0123456789", "~a-new.one~9876543210"
WRONG = "0123456789abcdef"


@pytest.fixture(scope="module")
async def guarded(kafka: str, postgres: str) -> AsyncIterator[Running]:
    """A server that takes two tokens. It has no database: what is asked here needs none."""
    rules = Rules(Origins.of(["https://charts.example"]), Tokens([OLD, NEW]))
    async with running(kafka, "guarded.", f"{postgres}none", symbols=[BTC], rules=rules) as server:
        yield server


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("token", [OLD, NEW])
async def test_whoever_has_a_token_is_served(guarded: Running, token: str) -> None:
    assert (await guarded.http.get("/api/v1/symbols", headers=bearer(token))).status_code == 200
    async with guarded.socket(additional_headers=bearer(token)) as socket:
        await socket.ask(op="ping")
        await socket.take(op="pong")
    async with guarded.socket(subprotocols=[SUBPROTOCOL, f"bearer.{token}"]) as socket:
        assert socket.connection.subprotocol == SUBPROTOCOL, "and never the token"
        await socket.ask(op="ping")
        await socket.take(op="pong")


@pytest.mark.parametrize(
    "headers",
    [{}, bearer(WRONG), bearer(OLD[:-1]), bearer(f"{OLD}0"), {"Authorization": f"Basic {OLD}"}, bearer("é" * 20)],
)
async def test_others_are_not(guarded: Running, headers: dict[str, str]) -> None:
    raw = httpx.Headers({name: value.encode() for name, value in headers.items()})
    for path in ("/api/v1/symbols", "/api/v1/candles?symbol=BTCUSDT", "/api/v1/status", "/api/v1/openapi.json", "/api/none"):
        answer = await guarded.http.get(path, headers=raw)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), path
        assert answer.headers["www-authenticate"].startswith('Bearer realm="rtchart"')
        assert ("invalid_token" in answer.headers["www-authenticate"]) is headers.get("Authorization", "").startswith("Bearer")
        assert "token" in answer.json()["detail"] and OLD not in answer.text + str(answer.headers)
    with pytest.raises(InvalidStatus) as refusal:
        async with guarded.socket(additional_headers=[(name, value) for name, value in headers.items() if value.isascii()]):
            pass
    assert refusal.value.response.status_code == 401


@pytest.mark.parametrize("offers", [[], [SUBPROTOCOL], [SUBPROTOCOL, f"bearer.{WRONG}"], [SUBPROTOCOL, OLD]])
async def test_a_socket_without_a_token_is_refused(guarded: Running, offers: list[str]) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with guarded.socket(subprotocols=offers or None):
            pass
    assert refusal.value.response.status_code == 401


async def test_a_token_in_the_address_is_none(guarded: Running) -> None:
    """Addresses end in the logs of every proxy."""
    for name in ("token", "access_token"):
        assert (await guarded.http.get("/api/v1/symbols", params={name: OLD})).status_code == 401


async def test_the_page_and_the_probes_are_for_everybody(guarded: Running) -> None:
    for path in ("/", "/livez", "/readyz"):
        assert (await guarded.http.get(path)).status_code in (200, 503)


async def test_a_page_elsewhere_may_send_its_token(guarded: Running) -> None:
    asked = {"Origin": "https://charts.example", "Access-Control-Request-Method": "GET"}
    answer = await guarded.http.options("/api/v1/symbols", headers={**asked, "Access-Control-Request-Headers": "authorization"})
    assert answer.status_code == 200 and answer.headers["access-control-allow-headers"] == "Authorization"
    strange = await guarded.http.options("/api/v1/symbols", headers={**asked, "Origin": "https://evil.example"})
    assert "access-control-allow-headers" not in strange.headers


async def test_the_document_tells_of_tokens_where_they_are_needed(guarded: Running, web_shared: Running) -> None:
    with_tokens = (await guarded.http.get("/api/v1/openapi.json", headers=bearer(NEW))).json()
    assert with_tokens["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert with_tokens["security"] == [{"token": []}]
    assert all("401" in operation["get"]["responses"] for operation in with_tokens["paths"].values())
    without = (await web_shared.http.get("/api/v1/openapi.json")).json()
    assert "securitySchemes" not in without["components"] and "security" not in without
    assert not any("401" in operation["get"]["responses"] for operation in without["paths"].values())


async def test_where_no_token_is_given_none_is_asked_for(web_shared: Running) -> None:
    assert (await web_shared.http.get("/api/v1/symbols", headers=bearer(WRONG))).status_code == 200
    async with web_shared.socket(subprotocols=[SUBPROTOCOL, f"bearer.{WRONG}"]) as socket:
        assert (await socket.subscribe())["op"] == "snapshot"


def test_tokens_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    assert not given(None, None)
    file = tmp_path / "tokens"
    file.write_text(f"\n{OLD}\r\n  {NEW}\n\n")
    for tokens in (given(None, file), given(f"{OLD}\n{NEW}", None)):
        assert tokens and tokens.allow(OLD) and tokens.allow(NEW)
        assert not any(map(tokens.allow, (None, "", WRONG, f"{OLD}\n{NEW}", OLD.upper())))
        assert OLD not in repr(vars(tokens))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no token; put one there"),
        ("\n \n", "holds no token"),
        (f"{OLD}\nshort", "token 2 of .* 16 to 256 letters"),
        ("with spaces in it, many", "token 1 of"),
        ("a" * 257, "token 1 of"),
        ("ключ" * 5, "token 1 of"),
    ],
)
def test_tokens_that_cannot_be_used_are_told(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says) as refusal:
        given(None, file)
    assert not any(line.strip() in str(refusal.value) for line in text.splitlines() if line.strip())
    with pytest.raises(UserError, match="--token and --token-file are both given"):
        given(OLD, file)


def test_an_unusable_token_is_one_sentence_of_the_command(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "rtchart", "web", "--database", "postgresql://u@127.0.0.1:1/none")
    process = subprocess.run([*command, "--token-file", str(tmp_path / "none")], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert "--token-file names" in process.stderr and "No such file" in process.stderr and "Traceback" not in process.stderr


def test_where_a_token_stands() -> None:
    assert of_header("bearer  abc ") == "abc"
    assert [of_header(text) for text in (None, "", "abc", "Basic abc")] == [None] * 4
    assert of_subprotocols(["x", "bearer.abc", "bearer.def"]) == "abc"
    assert of_subprotocols(["x"]) is None


@pytest.mark.parametrize("name", ["RTCHART_TOKEN", "RTCHART_TOKEN_FILE"])
def test_a_variable_that_is_there_and_empty_is_no_open_door(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not given(None, None)
    monkeypatch.setenv(name, "")
    with pytest.raises(UserError, match=f"{name} is there and empty"):
        given(None, None)

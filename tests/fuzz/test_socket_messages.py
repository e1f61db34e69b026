"""The messages of a socket's client: none ends more than its own connection, and every answer is bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.store.reader import Reader
from rtchart.web.addresses import NO_LIMITS, Visitor
from rtchart.web.catalog import Catalog
from rtchart.web.channel import Client
from rtchart.web.connection import BURST, MAX_SUBSCRIPTIONS, Connection
from rtchart.web.hub import Hub
from rtchart.web.market import Market
from rtchart.web.protocol import MAX_MESSAGE, BadRequest, Ping, Report, Subscribe, Unsubscribe, decode_request, encode
from rtchart.web.protocol import Error as ErrorMessage
from rtchart.web.views import Views
from tests.fuzz.amount import fuzzed
from tests.fuzz.inputs import VALUES, changed, encoded, nested, torn
from tests.web import schemas

LONGEST = 4 * MAX_MESSAGE
"""Characters of an answer to what is wrong."""

RIGHT = (
    {"op": "subscribe", "id": 1, "symbol": "COIN1", "exchange": "sim", "interval": "1m", "limit": 10, "since": 0},
    {"op": "subscribe", "channel": "tickers"},
    {"op": "unsubscribe", "id": "a", "symbol": "COIN1", "interval": "1m"},
    {"op": "ping", "id": 2, "at_us": 3},
    {"op": "report", "latency": [{"stage": "sent_to_painted", "ms": 7.5}]},
)
REQUESTS = st.sampled_from(RIGHT).flatmap(changed)
MESSAGES = (
    encoded(REQUESTS)
    | torn(encoded(REQUESTS))
    | encoded(VALUES)
    | st.binary()
    | nested('{"op":')
    | nested("[")
    | nested("[").map(lambda text: b'{"op":"ping","id":' + text)
    | st.text(max_size=64).map(lambda key: b'{"x":' * 1_500 + json.dumps(key).encode())
    | st.text().map(str.encode)
)


@fuzzed
@given(MESSAGES)
def test_a_message_is_a_request_or_is_refused(message: bytes) -> None:
    try:
        assert isinstance(decode_request(message), Subscribe | Unsubscribe | Ping | Report)
    except BadRequest as refusal:
        assert len(encode(ErrorMessage("bad_message", str(refusal), refusal.id))) < LONGEST


class Script:
    """A socket that says what is written down, and hears what is answered."""

    def __init__(self, said: Sequence[bytes | str]) -> None:
        self._said = iter(said)
        self.heard: list[str] = []
        self.silent = asyncio.Event()
        self.closed: tuple[int, str] | None = None

    async def receive(self) -> bytes | str:
        await asyncio.sleep(0)
        for said in self._said:
            return said
        self.silent.set()
        return await asyncio.Event().wait() or ""

    async def send(self, data: str) -> None:
        self.heard.append(data)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


async def converse(said: Sequence[bytes | str]) -> Script:
    """Say all of it to a connection, then that it may go."""
    catalog = Catalog()
    market = Market(catalog)
    hub, client = Hub(market, now_ms), Client()
    catalog.wish({f"sim:COIN{n}": DesiredSymbol("sim", f"COIN{n}", epoch=0) for n in range(MAX_SUBSCRIPTIONS + 5)})
    views = Views(market, catalog, Reader("postgresql://127.0.0.1:1/none", service="web"), now_ms)
    script = Script(said)
    connection = asyncio.create_task(Connection(script, client, Visitor(NO_LIMITS), hub, views, catalog, market).run())
    silent = asyncio.create_task(script.silent.wait())
    await asyncio.wait({connection, silent}, return_when=asyncio.FIRST_COMPLETED)
    assert len(client.channels) <= MAX_SUBSCRIPTIONS
    client.close(1000, "enough")
    await connection
    silent.cancel()
    assert not hub.clients and not client.channels, "nothing of it stays"
    return script


@fuzzed
@given(st.lists(MESSAGES | encoded(st.sampled_from(RIGHT)), max_size=BURST))
def test_a_conversation_ends_in_order_whatever_is_said(said: list[bytes]) -> None:
    script = asyncio.run(converse([message if n % 2 else message.decode(errors="replace") for n, message in enumerate(said)]))
    assert script.closed in {(1000, "enough"), (1009, f"a message may have {MAX_MESSAGE} bytes")}
    for text in script.heard:
        frame = schemas.check_text("Frame", text)
        answers = [message for message in frame["messages"] if message["op"] not in ("snapshot", "tickers")]
        assert len(json.dumps(answers)) <= LONGEST * max(1, len(answers))

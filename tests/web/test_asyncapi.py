"""docs/asyncapi.yaml is what the structs say, and its schemas hold what is written to Kafka."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from rtchart.core.candle import of_second
from rtchart.core.kline import Kline, VenueKline
from rtchart.core.messages import Absent, DeadLetter, GapOpened, Listing, Revision, StreamState, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.web.asyncapi import RECORDS, document
from tests.web import schemas
from tests.web.klines import kline

FILE = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"

EXAMPLES = [
    kline(1_763_769_600_000),
    GapOpened("sim", "BTCUSDT", 0, 1000, "silence", at=5),
    Absent("sim", "BTCUSDT", 0, 1000, asked_at=5),
    Listing("sim", "BTCUSDT", 0, "0.01", at=5),
    Revision("sim", "BTCUSDT", "1m", of_second(kline(0))),
    VenueKline("sim", "BTCUSDT", 0, *("1.5",) * 6, 4, "1.0", "1.5"),
    DeadLetter(at=5, stage="producer", reason="malformed_frame", detail="no JSON", payload="{"),
    DesiredSymbol("sim", "BTCUSDT", epoch=1),
    StreamState(exchange="sim", symbol="BTCUSDT", instance="p", at=5, status="streaming", pending=((0, 1000),)),
]


def test_the_file_is_what_the_structs_say() -> None:
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert written == yaml.safe_load(yaml.safe_dump(document())), "run: python scripts/asyncapi.py"


def test_references_lead_somewhere() -> None:
    whole = document()
    for reference in re.findall(r"'\$ref': '#/([^']+)'", str(whole)):
        at: Any = whole
        for step in reference.split("/"):
            at = at[step]
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_channel_has_its_operations_and_messages() -> None:
    whole = document()
    used = {operation["channel"]["$ref"].rpartition("/")[2] for operation in whole["operations"].values()}
    assert used == set(whole["channels"])
    assert {struct for _, _, structs, _ in RECORDS for struct in structs} == {type(example) for example in EXAMPLES}
    assert Kline in RECORDS[0][2]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_records_of_kafka_are_as_written_down(example: Any) -> None:
    schemas.check_text(type(example).__name__, encode(example))


def test_the_schemas_refuse_what_is_not_written_down() -> None:
    for wrong in ({"op": "pong"}, {"op": "pong", "server_us": "1"}, {"op": "pong", "server_us": 1, "more": 2}):
        with pytest.raises(ValidationError):
            schemas.check("Pong", wrong)

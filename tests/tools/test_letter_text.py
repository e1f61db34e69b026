"""Letters as a person reads them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.messages import DeadLetter
from rtchart.tools.dead_letters.letters import Letter, LetterId
from rtchart.tools.dead_letters.text import plain, table, whole

NOW = 1_763_802_000_123
"""2025-11-22T09:00:00.123Z."""
CONTENT = DeadLetter(
    at=NOW,
    stage="inserter",
    reason="refused_row",
    detail="value out of range",
    payload='{"trades":1099511627776,"open":"1.50"}',
    exchange="sim",
    symbol="BTCUSDT",
    topic="rtchart.klines",
    partition=3,
    offset=42,
)


def letter(id: str = "db-17", **changes: object) -> Letter:
    return Letter(LetterId.parse(id), msgspec.structs.replace(CONTENT, **changes))


def test_a_line_each_with_the_detail_cut_where_the_terminal_ends() -> None:
    frame = {"stage": "producer", "symbol": None, "detail": "two\nlines " + "x" * 100}
    head, first, second = table([letter(), letter("kafka-4", **frame)], 90).splitlines()
    assert head.split() == ["ID", "TIME", "(UTC)", "STAGE", "REASON", "SYMBOL", "DETAIL"]
    assert first.split() == [
        "db-17",
        "2025-11-22",
        "09:00:00",
        "inserter",
        "refused_row",
        "sim:BTCUSDT",
        *CONTENT.detail.split(),
    ]
    assert second.split()[5] == "-"
    assert "two lines xx" in second and second.endswith("…") and len(second) == 90


def test_the_whole_has_every_fact_and_json_is_indented_as_it_is() -> None:
    assert whole(letter()) == (
        "db-17\n"
        "  at        2025-11-22 09:00:00.123 UTC\n"
        "  stage     inserter\n"
        "  reason    refused_row\n"
        "  detail    value out of range\n"
        "  exchange  sim\n"
        "  symbol    BTCUSDT\n"
        "  record    rtchart.klines, partition 3, offset 42\n"
        "  payload\n"
        '{\n  "trades": 1099511627776,\n  "open": "1.50"\n}'
    )


def test_what_is_no_json_is_shown_as_it_came_and_cannot_command_the_terminal() -> None:
    shown = whole(letter(payload="{rubbish\n\x1b[2J", topic=None))
    assert shown.endswith("  payload\n{rubbish\n\\x1b[2J")
    assert "record" not in shown


@given(st.text())
def test_plain_text_is_printable(text: str) -> None:
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)


@given(st.sampled_from(["db", "kafka"]), st.integers(0, 10**18 - 1))
def test_an_id_is_read_as_it_is_written(place: str, number: int) -> None:
    assert LetterId.parse(f"{place}-{number}") == (place, number)
    assert str(LetterId.parse(f"{place}-{number}")) == f"{place}-{number}"


@pytest.mark.parametrize("text", ["", "17", "db", "db-", "db-x", "db--1", "DB-1", "topic-1", f"db-{10**18}", "db-١"])
def test_what_is_no_id_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="no letter's id; one is db-17"):
        LetterId.parse(text)

"""Dead letters as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from rtchart.tools.dead_letters.letters import Letter

_HEAD = ("ID", "TIME (UTC)", "STAGE", "REASON", "SYMBOL", "DETAIL")
_LEAST = 20
"""Characters that a detail has in any case."""


def line(letter: Letter) -> str:
    """A JSON object of one line, with all of the letter."""
    return msgspec.json.encode({"id": str(letter.id), **msgspec.structs.asdict(letter.content)}).decode()


def table(letters: Sequence[Letter], width: int) -> str:
    """A line for each letter, with its detail cut where the width (characters) ends."""
    rows = [_HEAD]
    for id, content in letters:
        whose = f"{content.exchange or ''}:{content.symbol}" if content.symbol else "-"
        detail = " ".join(content.detail.split())
        rows.append((str(id), _time(content.at)[:19], content.stage, content.reason, plain(whose), plain(detail)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    room = max(_LEAST, width - sum(widths) - 2 * len(widths))
    return "\n".join(
        "  ".join([*map(str.ljust, cells, widths), detail if len(detail) <= room else f"{detail[: room - 1]}…"]).rstrip()
        for *cells, detail in rows
    )


def whole(letter: Letter) -> str:
    """All that is known of a letter, its payload last: indented if it is JSON."""
    content = letter.content
    facts = {
        "at": f"{_time(content.at)} UTC",
        "stage": content.stage,
        "reason": content.reason,
        "detail": content.detail,
        "exchange": content.exchange,
        "symbol": content.symbol,
        "record": None if content.topic is None else f"{content.topic}, partition {content.partition}, offset {content.offset}",
    }
    lines = [str(letter.id), *(f"  {name:<10}{plain(text)}" for name, text in facts.items() if text is not None), "  payload"]
    try:
        payload = msgspec.json.format(content.payload, indent=2)
    except msgspec.DecodeError:
        payload = content.payload
    return "\n".join([*lines, plain(payload, "\n\t")])


def plain(text: str, besides: str = "") -> str:
    """Text that came from outside: what would command the terminal is written as its code."""
    return "".join(char if char.isprintable() or char in besides else char.encode("unicode_escape").decode() for char in text)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]

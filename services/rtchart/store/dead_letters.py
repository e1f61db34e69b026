"""What could not be stored, kept whole, with where and why."""

from __future__ import annotations

from collections.abc import Sequence

from rtchart.core.messages import DeadLetter
from rtchart.store.database import Connection


async def keep(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Append them."""
    await connection.executemany(
        """INSERT INTO dead_letter (at, stage, reason, detail, exchange, symbol, topic, partition, "offset", payload)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        [
            (
                letter.at,
                letter.stage,
                letter.reason,
                _storable(letter.detail),
                _storable(letter.exchange),
                _storable(letter.symbol),
                letter.topic,
                letter.partition,
                letter.offset,
                _storable(letter.payload),
            )
            for letter in letters
        ],
    )


def _storable(text: str | None) -> str | None:
    r"""Text as PostgreSQL takes it: without U+0000 (it appears as ``\x00``) and lone surrogates."""
    if text is None:
        return None
    return text.replace("\0", r"\x00").encode(errors="backslashreplace").decode()

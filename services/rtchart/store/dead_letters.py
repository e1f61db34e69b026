"""What could not be stored, kept whole, with where and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from rtchart.core.errors import Unavailable, UserError
from rtchart.core.messages import DeadLetter, GapOpened
from rtchart.store.database import Connection, connect, place
from rtchart.store.failures import is_outage
from rtchart.store.migrate import require_schema

_COLUMNS = 'at, stage, reason, detail, exchange, symbol, topic, partition, "offset", payload'


async def keep(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Append them."""
    await connection.executemany(
        f"INSERT INTO dead_letter ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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


# ── For people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Row(NamedTuple):
    """A letter as the table has it."""

    dead_letter_id: int
    letter: DeadLetter


class Size(NamedTuple):
    """How many letters there are, and the id of the newest, 0 if there is none."""

    letters: int
    newest: int


@asynccontextmanager
async def reach(url: str) -> AsyncIterator[Connection]:
    """A connection to a database that has the table. Raises `UserError`: it is not there, is lost, or does not permit it.

    Reading is permitted to the role of the web too, deleting to the owner alone.
    """
    connection = await connect(url, service="dead-letters")
    try:
        await require_schema(connection, url)
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise UserError(
            f"PostgreSQL at {place(url)} does not permit it ({error}); name the database's owner in --database"
        ) from None
    except Exception as error:
        if isinstance(error, UserError) or not is_outage(error):
            raise
        raise Unavailable(f"PostgreSQL at {place(url)} failed ({error}); see its log, and try again") from None
    finally:
        connection.terminate()


async def size(connection: Connection) -> Size:
    """Of the whole table."""
    (row,) = await connection.fetch("SELECT count(*), coalesce(max(dead_letter_id), 0) FROM dead_letter")
    return Size(*row)


async def newest(
    connection: Connection, most: int, *, reason: str | None = None, symbol: str | None = None, since: int = 0
) -> list[Row]:
    """The newest letters, the newest last: of a reason, of a symbol (with or without its exchange), from a time (ms) on."""
    rows = await connection.fetch(
        f"""SELECT dead_letter_id, {_COLUMNS} FROM dead_letter
            WHERE at >= $2 AND ($3::text IS NULL OR reason = $3)
              AND ($4::text IS NULL OR $4 IN (symbol, exchange || ':' || symbol))
            ORDER BY at DESC, dead_letter_id DESC LIMIT $1""",
        most,
        since,
        reason,
        symbol,
    )
    return [_row(row) for row in reversed(rows)]


async def find(connection: Connection, ids: Collection[int]) -> list[Row]:
    """Those of the letters that are there, by id."""
    return [
        _row(row)
        for row in await connection.fetch(
            f"SELECT dead_letter_id, {_COLUMNS} FROM dead_letter WHERE dead_letter_id = ANY ($1::bigint[]) ORDER BY 1",
            list(ids),
        )
    ]


async def following(connection: Connection, after: int, last: int, most: int) -> list[Row]:
    """The next letters after an id, up to the ``last`` one, by id."""
    return [
        _row(row)
        for row in await connection.fetch(
            f"""SELECT dead_letter_id, {_COLUMNS} FROM dead_letter WHERE dead_letter_id > $1 AND dead_letter_id <= $2
                ORDER BY 1 LIMIT $3""",
            after,
            last,
            most,
        )
    ]


async def remove(connection: Connection, ids: Collection[int]) -> set[int]:
    """Delete letters; the ids of those that were there."""
    rows = await connection.fetch(
        "DELETE FROM dead_letter WHERE dead_letter_id = ANY ($1::bigint[]) RETURNING dead_letter_id", list(ids)
    )
    return {row["dead_letter_id"] for row in rows}


async def remove_through(connection: Connection, last: int) -> int:
    """Delete all letters up to the one with this id; how many there were."""
    done = await connection.execute("DELETE FROM dead_letter WHERE dead_letter_id <= $1", last)
    return int(done.removeprefix("DELETE "))


async def overtaken(connection: Connection, gap: GapOpened) -> bool:
    """Whether something is known by now of the seconds that a record announces as missing: one is stored, or in the ledger."""
    known = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM kline_1s k WHERE k.symbol_id = s.symbol_id AND open_time >= $3 AND open_time < $4)
               OR EXISTS (SELECT FROM gap g WHERE g.symbol_id = s.symbol_id AND end_time > $3 AND start_time < $4)
           FROM symbol s WHERE exchange = $1 AND symbol = $2""",
        gap.exchange,
        gap.symbol,
        gap.start,
        gap.end,
    )
    return bool(known)


def _row(record: asyncpg.Record) -> Row:
    dead_letter_id, *values = record
    at, stage, reason, detail, exchange, symbol, topic, partition, offset, payload = values
    return Row(
        dead_letter_id,
        DeadLetter(
            at=at,
            stage=stage,
            reason=reason,
            detail=detail,
            payload=payload,
            exchange=exchange,
            symbol=symbol,
            topic=topic,
            partition=partition,
            offset=offset,
        ),
    )

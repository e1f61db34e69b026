"""Files of the public archive: the minutes of a day or a month of one symbol, as CSV, plain or in a zip.

Their columns are those of a row of ``/api/v3/klines``. Times are milliseconds, and microseconds since 2025; some files have a
header (github.com/binance/binance-public-data). Beside a file there may be ``NAME.CHECKSUM``, a line of ``sha256sum``.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rtchart.core.gap import Range, subtract
from rtchart.core.interval import MINUTE, interval
from rtchart.core.kline import InvalidKline, VenueKline, check_venue
from rtchart.exchange.binance.frames import milliseconds

_COLUMNS = 11
"""That are needed; the twelfth is ignored, as its name says."""

_WHOLE_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)


class Refused(Exception):
    """A file that is not taken; the text says why, after its name."""


@dataclass(frozen=True)
class File:
    """A file, and the time ``[start, end)`` (ms) that it is of by its name."""

    path: Path
    start: int
    end: int


@dataclass
class Content:
    """What a file holds. Times are milliseconds."""

    minutes: list[VenueKline] = field(default_factory=list)
    """In the order of time, each once."""
    absent: list[Range] = field(default_factory=list)
    """What the exchange lacks, as far as the file can be believed about it."""
    complaints: list[str] = field(default_factory=list)
    """Of lines that are not taken: ``FILE:LINE: what is wrong``."""


def files(folder: Path, symbol: str, start: int, end: int) -> list[File]:
    """The symbol's files with minutes of ``[start, end)`` in the folder and below it, the newest first.

    Of a period that is there both plain and zipped the zip alone: that is what checksums are of.
    """
    name = re.compile(rf"{re.escape(symbol)}-1m-(\d{{4}})-(\d{{2}})(?:-(\d{{2}}))?\.(?:csv|zip)", re.ASCII)
    found: dict[tuple[int, int], Path] = {}
    for path in sorted(folder.rglob(f"{_literal(symbol)}-1m-*")):  # csv before zip
        if match := name.fullmatch(path.name):
            year, month, day = match[1], match[2], match[3]
            try:
                opened = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
            except ValueError:  # 2025-13
                continue
            time = int(opened.timestamp()) * 1000
            found[time, interval("1d" if day else "1M").next_open(time)] = path
    return [
        File(path, *period) for period, path in sorted(found.items(), reverse=True) if period[0] < end and start < period[1]
    ]


def read(file: File, exchange: str, symbol: str, *, epoch: int) -> Content:
    """The file's minutes. Raises `Refused` for a file that is not what its checksum says, or none at all."""
    is_vouched = _check(file.path)
    content, seen, taken, unplaced = Content(), set[int](), set[int](), False
    with _lines(file.path) as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or (number == 1 and text.lower().startswith("open_time")):
                continue
            time, kline, complaint = _minute(text, file, exchange, symbol, epoch)
            if time is None:
                unplaced = True
            else:
                seen.add(time)
            if kline is not None and time in taken:
                kline, complaint = None, f"open_time {time} comes twice, and the first is taken"
            if kline is None:
                content.complaints.append(f"{file.path}:{number}: {complaint}")
            else:
                taken.add(kline.open_time)
                content.minutes.append(kline)
    if not content.minutes:
        raise Refused("it holds no line that can be used; see whether it is a file of klines of 1m")
    content.minutes.sort(key=lambda kline: kline.open_time)
    if not unplaced:  # or what seems to lack may be in a line that nobody can read
        content.absent = _absent(file, content, seen, is_vouched)
    return content


def _absent(file: File, content: Content, seen: set[int], is_vouched: bool) -> list[Range]:
    """The minutes between the first and the last that are not there; to the file's ends if a checksum says that it is whole."""
    first, last = content.minutes[0].open_time, content.minutes[-1].open_time + MINUTE
    period = (file.start, file.end) if is_vouched else (first, last)
    return subtract([period], [(time, time + MINUTE) for time in seen])


def _minute(text: str, file: File, exchange: str, symbol: str, epoch: int) -> tuple[int | None, VenueKline | None, str]:
    """Of a line its time, if that can be read, its kline, if it is one, and what is wrong with it."""
    fields = [part.strip() for part in text.split(",")]
    if len(fields) < _COLUMNS:
        return None, None, f"{len(fields)} columns, and a kline has 12"
    if not _WHOLE_NUMBER.fullmatch(fields[0]):
        return None, None, f"open_time is {fields[0]!r}, which is no number"
    written = int(fields[0])
    time = milliseconds(written)
    if time != written and written % 1000:
        return None, None, f"open_time {fields[0]} is no whole minute"
    if not file.start <= time < file.end:
        return None, None, f"open_time {fields[0]} is not in the time that the file is of by its name"
    if not _WHOLE_NUMBER.fullmatch(fields[8]):
        return time, None, f"trades is {fields[8]!r}, which is no number"
    opened, high, low, close, volume, _, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume = fields[1:_COLUMNS]
    kline = VenueKline(
        exchange=exchange,
        symbol=symbol,
        open_time=time,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        quote_volume=quote_volume,
        trades=int(trades),
        taker_buy_volume=taker_buy_volume,
        taker_buy_quote_volume=taker_buy_quote_volume,
        epoch=epoch,
    )
    try:
        return time, check_venue(kline), ""
    except InvalidKline as error:
        return time, None, str(error)


def _check(path: Path) -> bool:
    """Whether there is a checksum, and the file has it. Raises `Refused` if it has another one."""
    beside = path.with_name(f"{path.name}.CHECKSUM")
    try:
        said = _DIGEST.match(beside.read_text(encoding="ascii", errors="replace").strip())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Refused(f"its checksum {beside.name} cannot be read ({error.strerror}); mend it, or remove it") from None
    if said is None:
        raise Refused(f"its checksum {beside.name} holds no SHA-256; fetch it again, or remove it")
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise Refused(f"it cannot be read ({error.strerror}); correct its rights") from None
    if digest.hexdigest() != said[0].lower():
        raise Refused(f"its SHA-256 is {digest.hexdigest()}, and {beside.name} says {said[0].lower()}; fetch it again")
    return True


@contextmanager
def _lines(path: Path) -> Iterator[Iterable[str]]:
    """The lines of a plain or zipped CSV. Raises `Refused`, also for what reading them fails with."""
    try:
        with ExitStack() as stack:
            if path.suffix != ".zip":
                yield stack.enter_context(path.open(encoding="utf-8-sig"))
                return
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise Refused(f"it holds {len(names)} files that end in .csv, and should hold one; fetch it again")
            yield stack.enter_context(io.TextIOWrapper(archive.open(names[0]), encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        # RuntimeError: a zip that wants a password.
        raise Refused(f"it cannot be read ({error}); fetch it again") from None


def _literal(symbol: str) -> str:
    """The symbol for a glob pattern. Exchanges list some that are not ASCII; none has these, and who knows."""
    return re.sub(r"([*?\[])", r"[\1]", symbol)

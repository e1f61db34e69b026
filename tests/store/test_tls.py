"""TLS to PostgreSQL, with real certificates: whoever is not the one that was meant is not spoken to.

The embedded server is built without TLS. Before it stands what a managed database has too, a process that ends TLS; and where
the machine has a PostgreSQL of its own that is built with it, that one is asked as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rtchart.core.errors import Unavailable, UserError
from rtchart.local.child import Child
from rtchart.local.ports import LOOPBACK, free_ports
from rtchart.store.database import connect, connect_pool
from tests.certificates import Keys
from tests.waiting import wait_until

SECRET = "Gehe1m-durch-TLS"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL 18, 54.7. Message Formats, SSLRequest."""


def _prepare(folder: Path, certificate: Path, user: pwd.struct_passwd | None) -> None:
    folder.mkdir()
    shutil.copyfile(certificate, folder / "server.pem")
    (folder / "server.pem").chmod(0o600)
    (folder / "password").write_text(SECRET)
    if user:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)


@pytest.fixture(scope="module")
def keys(engine_folder: Path) -> Keys:
    folder = engine_folder / "tls"
    folder.mkdir()
    return Keys(folder)


@asynccontextmanager
async def terminator(to: str, certificate: Path) -> AsyncIterator[int]:
    """Answer SSLRequest, speak TLS with the client, and pass on what it says to the server at ``to``; the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    host, _, port = to.rpartition(":")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            assert await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(context)
            inner, outer = await asyncio.open_connection(host, int(port))
            with contextlib.closing(outer):
                ways = [asyncio.ensure_future(pipe(*way)) for way in ((reader, outer), (inner, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]


def built_with_tls() -> Iterator[Path]:
    """Folders of programs of a PostgreSQL that is installed here and built with TLS."""
    found = shutil.which("postgres"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), reverse=True)
    for program in filter(None, found):
        folder = Path(program).resolve().parent
        with contextlib.suppress(OSError):
            said = subprocess.run([folder / "pg_config", "--configure"], capture_output=True, text=True, check=False).stdout
            if "--with-openssl" in said or "--with-ssl" in said:
                yield folder


@asynccontextmanager
async def itself(folder: Path, certificate: Path) -> AsyncIterator[int]:
    """A PostgreSQL that speaks TLS itself, and lets in with a password and over TLS alone; the port."""
    programs = next(built_with_tls(), None)
    if programs is None:
        pytest.skip("no PostgreSQL that is built with TLS is installed here")
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    data, key, password = folder / "data", folder / "server.pem", folder / "password"
    _prepare(folder, certificate, user)
    who = (user.pw_uid, user.pw_gid) if user else None
    with (folder / "log").open("ab") as log:
        options = ("-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--locale=C")
        made = await Child.start([programs / "initdb", "-D", data, *options], output=log, cwd=folder, user=who)
        assert await made.finish() == 0, (folder / "log").read_text()
        (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        (port,) = free_ports(1)
        settings = {
            **{"port": port, "listen_addresses": LOOPBACK, "unix_socket_directories": folder, "fsync": "off"},
            **{"ssl": "on", "ssl_cert_file": key, "ssl_key_file": key},
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = await Child.start([programs / "postgres", "-D", data, *given], output=log, cwd=folder, user=who)
        try:
            await wait_until(lambda: "ready" in _word(data / "postmaster.pid"))
            yield port
        finally:
            await server.stop(within=10)


def _word(pid_file: Path) -> str:
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    return lines[7] if len(lines) > 7 else ""


@pytest.fixture(scope="module", params=["behind a process that ends TLS", "by the server itself"])
async def port(request: pytest.FixtureRequest, postgres: str, keys: Keys, engine_folder: Path) -> AsyncIterator[int]:
    """Of a PostgreSQL whose certificate is for 127.0.0.1, and not for localhost."""
    certificate = keys.sign("database", f"subjectAltName=IP:{LOOPBACK}")
    speaking = (
        itself(engine_folder / "tls" / "itself", certificate)
        if request.param == "by the server itself"
        else terminator(postgres.partition("@")[2].partition("/")[0], certificate)
    )
    async with speaking as port:
        yield port


def url(port: int, ca: Path | None, host: str = LOOPBACK, mode: str = "verify-full") -> str:
    root = f"&sslrootcert={ca}" if ca else ""
    return f"postgresql://postgres:{SECRET}@{host}:{port}/postgres?sslmode={mode}{root}"


async def test_the_server_that_was_meant_is_spoken_to(port: int, keys: Keys) -> None:
    connection = await connect(url(port, keys.ca), service="test")
    try:
        assert await connection.fetchval("SELECT 1") == 1
        transport = connection._transport
        assert transport.get_extra_info("cipher"), "nothing of it is readable on the way"
    finally:
        await connection.close()
    pool = await connect_pool(url(port, keys.ca), service="test", size=2)
    assert await pool.fetchval("SELECT 2") == 2
    await pool.close()


async def test_another_name_or_authority_is_not(port: int, keys: Keys, tmp_path: Path) -> None:
    for address, why in (
        (url(port, keys.ca, host="localhost"), "Hostname mismatch"),
        (url(port, Keys(tmp_path).ca), "self-signed certificate|unable to get local issuer"),
    ):
        for making in (connect(address, service="test"), connect_pool(address, service="test", size=1)):
            with pytest.raises(Unavailable, match=why) as refusal:
                await making
            assert "certificate does not convince" in str(refusal.value) and "sslrootcert" in str(refusal.value)
            assert SECRET not in str(refusal.value)


async def test_a_server_without_tls_is_not_spoken_to_in_the_clear(postgres: str, keys: Keys) -> None:
    plain = int(postgres.rpartition(":")[2].partition("/")[0])
    for mode in ("require", "verify-full"):
        with pytest.raises(Unavailable, match="speaks no TLS; turn it on there"):
            await connect(url(plain, keys.ca, mode=mode), service="test")


async def test_an_authority_that_is_not_there_is_told(port: int) -> None:
    with pytest.raises(UserError, match=r"/none/ca\.pem") as refusal:
        await connect(url(port, Path("/none/ca.pem")), service="test")
    assert SECRET not in str(refusal.value) and not isinstance(refusal.value, Unavailable)

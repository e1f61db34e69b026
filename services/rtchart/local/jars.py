"""Apache Kafka's jars: a committed list with the SHA-256 of each, fetched from Maven Central once and cached.

``python -m rtchart.local.jars`` fetches what the cache lacks; ``--write`` resolves `COORDINATES` anew and writes the list, for
who changes the version. The list is the whole truth at run time: no dependency is resolved then, so nothing can be added to
it on the way here, and with a full cache Kafka starts without a network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import click
import jgo
import requests
from jgo.maven import MavenContext

from rtchart.core.errors import UserError

KAFKA = "4.1.1"
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    # Kafka logs to SLF4J 1.7 and brings log4j, and leaves the bridge between them to its distribution.
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)
_FETCHING = "fetching-"
_LIST = resources.files("rtchart.local") / "kafka-jars.sha256"


class Jar(NamedTuple):
    """A line of the list."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def listed() -> list[Jar]:
    """The jars of the committed list."""
    return [Jar(sha256, *coordinate.split(":")) for sha256, coordinate in map(str.split, _LIST.read_text().splitlines())]


def cache_dir() -> Path:
    """Where jars are kept, for all data folders of this user: ``$XDG_CACHE_HOME/rtchart/jars``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtchart" / "jars"


def all_cached() -> bool:
    """Whether `classpath` needs no network, as far as can be told without reading them."""
    return all((cache_dir() / jar.filename).exists() for jar in listed())


def classpath(jars: list[Jar] | None = None, cache: Path | None = None) -> list[Path]:
    """The files of all listed jars, each with the SHA-256 that the list holds it to; fetches those that are not cached.

    Blocks for some 10 s when all have to be fetched. Raises `UserError` that names the jar: one that cannot be fetched, or
    whose content is not what the list says.
    """
    jars = listed() if jars is None else jars
    cache = cache or cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot keep Kafka's jars in {cache} ({error.strerror}); make it writable or set XDG_CACHE_HOME"
        ) from None
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda jar: _file(jar, cache), jars))
    for abandoned in cache.glob(f"{_FETCHING}*"):
        if time.time() - abandoned.stat().st_mtime > 3600:  # by one that was killed, not by one that fetches now
            shutil.rmtree(abandoned, ignore_errors=True)
    return files


def _file(jar: Jar, cache: Path) -> Path:
    path = cache / jar.filename
    if not path.exists() or _sha256(path) != jar.sha256:
        # Beside its place and moved there when whole, so that neither a kill nor another `rtchart up` leaves half a jar.
        with tempfile.TemporaryDirectory(dir=cache, prefix=_FETCHING) as folder:
            fetched = _fetch(jar, Path(folder))
            found = _sha256(fetched)
            if found != jar.sha256:
                raise UserError(
                    f"the jar {jar.coordinate} has the SHA-256 {found}, and not {jar.sha256} as listed: "
                    "what was fetched is not what was tested; try another network or mirror"
                )
            fetched.replace(path)
    return path


def _fetch(jar: Jar, folder: Path) -> Path:
    artifact = MavenContext(repo_cache=folder).project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        path: Path = artifact.resolve()
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise UserError(
            f"cannot fetch Kafka's jar {jar.coordinate}; connect to the network once, or give a broker that runs with "
            f"--kafka HOST:PORT ({type(error).__name__}: {str(error)[:160]})"
        ) from None
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve() -> list[Jar]:
    """What `COORDINATES` need, with the SHA-256 of each as fetched now, in the order of the class path."""
    chosen: dict[tuple[str, str], Jar] = {}
    # One by one: resolved together, log4j's own table of versions would give Kafka other clients than it was built with.
    for coordinate in COORDINATES:
        for artifact in jgo.resolve(coordinate):
            jar = Jar("", artifact.groupId, artifact.artifactId, artifact.version)
            chosen.setdefault((jar.group, jar.artifact), jar)
    with tempfile.TemporaryDirectory() as folder:
        return [jar._replace(sha256=_sha256(_fetch(jar, Path(folder)))) for jar in chosen.values()]


@click.command()
@click.option("--write", is_flag=True, help="Resolve the pinned coordinates anew and write the list.")
def command(write: bool) -> None:
    """Fetch Kafka's jars into the cache, or write the list that they are held to."""
    if write:
        jars = resolve()
        Path(str(_LIST)).write_text("".join(f"{jar.sha256}  {jar.coordinate}\n" for jar in jars))
        click.echo(f"{_LIST}: {len(jars)} jars")
        return
    try:
        click.echo(f"{cache_dir()}: {len(classpath())} jars")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    command()

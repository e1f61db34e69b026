"""Kafka's jars are what was tested, or Kafka does not start."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from rtchart.core.errors import UserError
from rtchart.local import jars
from rtchart.local.kafka import Kafka

CONTENT = b"the content of a jar"
JAR = jars.Jar(hashlib.sha256(CONTENT).hexdigest(), "org.example", "thing", "1")


def test_the_list_holds_the_pinned_version_and_one_of_each() -> None:
    listed = jars.listed()
    assert len({(jar.group, jar.artifact) for jar in listed}) == len(listed)
    assert {coordinate for coordinate in jars.COORDINATES} <= {jar.coordinate for jar in listed}
    assert {jar.version for jar in listed if jar.group == "org.apache.kafka"} == {jars.KAFKA}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in listed)


def test_a_cached_jar_is_used_without_a_network_and_a_spoilt_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> Path:
        raise UserError("no network")

    monkeypatch.setattr(jars, "_fetch", no_network)
    file = tmp_path / JAR.filename
    file.write_bytes(CONTENT)
    assert jars.classpath([JAR], tmp_path) == [file]
    file.write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match="no network"):
        jars.classpath([JAR], tmp_path)


@pytest.mark.parametrize("served", [CONTENT, b"something else"])
def test_what_is_fetched_is_kept_if_it_is_what_is_listed_and_else_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: bytes
) -> None:
    def fetch(jar: jars.Jar, folder: Path) -> Path:
        (folder / jar.filename).write_bytes(served)
        return folder / jar.filename

    monkeypatch.setattr(jars, "_fetch", fetch)
    if served == CONTENT:
        (file,) = jars.classpath([JAR], tmp_path)
        assert file.read_bytes() == CONTENT
    else:
        with pytest.raises(UserError, match=f"the jar org.example:thing:1 has the SHA-256 .*, and not {JAR.sha256} as listed"):
            jars.classpath([JAR], tmp_path)
        assert not list(tmp_path.rglob("*.jar"))


async def test_no_network_at_a_first_start_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    with pytest.raises(UserError, match=r"cannot fetch Kafka's jar .*; connect to the network once"):
        await Kafka(folder / "kafka").start()


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="make it writable or set XDG_CACHE_HOME"):
        jars.classpath(cache=tmp_path / "file" / "jars")

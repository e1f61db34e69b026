"""Options that are several of the command line and one of the command."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rtchart.broker import options as kafka
from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Making
from rtchart.core.errors import UserError
from rtchart.process import options
from rtchart.process.options import password_of
from rtchart.process.run import Process
from rtchart.process.wsgi import Address
from rtchart.store import options as store

GIVEN: list[tuple[Cluster, str, int, Process]] = []


@click.command()
@kafka.cluster("me")
@store.database
@options.option("--number", 7)
@options.service
def command(cluster: Cluster, database: str, number: int, process: Process) -> None:
    GIVEN.append((cluster, database, number, process))


def call(**environment: str) -> tuple[Cluster, str, int, Process]:
    result = CliRunner().invoke(command, env={f"RTCHART_{name}": value for name, value in environment.items()})
    assert result.exit_code == 0, result.output
    return GIVEN.pop()


def refusal(**environment: str) -> str:
    result = CliRunner().invoke(command, env={f"RTCHART_{name}": value for name, value in environment.items()})
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    return result.output


def test_what_is_not_given_is_as_it_was() -> None:
    assert call(DATABASE="postgresql://me@host/name", KAFKA_USER="", WAIT="") == (
        Cluster("127.0.0.1:9092", client_id="me"),
        "postgresql://me@host/name",
        7,
        Process(),
    )


def test_everything_reaches_its_place(tmp_path: Path) -> None:
    (tmp_path / "kafka").write_text("from a file\n")
    cluster, database, number, process = call(
        KAFKA="one:9092,two:9092",
        TOPIC_PREFIX="ours.",
        KAFKA_SECURITY="sasl_plaintext",
        KAFKA_USER="me",
        KAFKA_PASSWORD_FILE=str(tmp_path / "kafka"),
        MANAGE_TOPICS="false",
        REPLICATION_FACTOR="3",
        MIN_INSYNC_REPLICAS="2",
        DATABASE="postgresql://me@host/name",
        DATABASE_PASSWORD="s/cret",
        NUMBER="8",
        WAIT="86400",
        ADMIN_PORT="0.0.0.0:9090",
        LOG_FORMAT="text",
    )
    assert (cluster.bootstrap, cluster.prefix, cluster.making) == ("one:9092,two:9092", "ours.", Making(False, 3, 2))
    assert {name: cluster.settings()[name] for name in ("security_protocol", "sasl_mechanism", "sasl_plain_password")} == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_password": "from a file",
    }
    assert (database, number) == ("postgresql://me:s%2Fcret@host/name", 8)
    assert process == Process(Address("0.0.0.0", 9090), "info", "text", 86_400)


def test_what_contradicts_itself_is_one_sentence() -> None:
    url = "postgresql://me@host/name"
    assert "give --kafka-password too" in refusal(DATABASE=url, KAFKA_SECURITY="sasl_ssl", KAFKA_USER="me")
    assert "no HOST:PORT" in refusal(DATABASE=url, KAFKA="http://host")
    assert "--database-password-file names, /none (No such file" in refusal(DATABASE=url, DATABASE_PASSWORD_FILE="/none")
    told = refusal(DATABASE="postgresql://me:first@host/name", DATABASE_PASSWORD="second")
    assert "leave one of them out" in told and "first" not in told and "second" not in told


def test_a_password_is_given_in_one_way(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" s p \r\n")
    assert (password_of(None, None, "--x"), password_of("s", None, "--x"), password_of(None, file, "--x")) == (
        None,
        "s",
        " s p ",
    )
    with pytest.raises(UserError, match="--x and --x-file are both given"):
        password_of("s", file, "--x")
    file.write_bytes(b"\xff")
    with pytest.raises(UserError, match="it is no text"):
        password_of(None, file, "--x")

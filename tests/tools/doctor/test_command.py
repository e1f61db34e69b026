"""``rtchart doctor`` as a person or a program runs it."""

from __future__ import annotations

import json
from urllib.parse import quote

from rtchart.tools.doctor.command import Asked
from tests.tools.doctor.examining import SECRET, reveals, run


def options(asked: Asked) -> dict[str, str]:
    """What a service's container has."""
    return {
        "KAFKA": asked.cluster.bootstrap,
        "TOPIC_PREFIX": asked.cluster.prefix,
        "DATABASE": asked.database or "",
        "EXCHANGE": "sim",
        "EXCHANGE_WS": asked.exchange_ws or "",
        "EXCHANGE_REST": asked.exchange_rest or "",
        "PATIENCE": "30",
    }


async def test_the_environment_is_enough_and_programs_read_it_line_by_line(asked: Asked) -> None:
    code, output = await run("--json", **options(asked))
    told = [json.loads(line) for line in output.splitlines()]
    assert all(each.keys() == {"outcome", "what", "found", "figures", "advice"} for each in told)
    assert (code, [each for each in told if each["outcome"] == "failed"]) == (0, [])
    code, output = await run(**options(asked) | {"TOPIC_PREFIX": "nobodys."})
    assert code == 1
    assert "failed   topic nobodys.rtchart.klines" in output and "\n         Start a service that makes it" in output


async def test_no_secret_is_in_its_output(asked: Asked) -> None:
    password = quote(SECRET, safe="")
    for given in (
        {"DATABASE": f"postgresql://me:{password}@127.0.0.1:1/name"},
        {"DATABASE": f"postgresql://me:{SECRET}@127.0.0.1/name"},
        {"DATABASE": "postgresql://me@127.0.0.1:1/name", "DATABASE_PASSWORD": SECRET},
        {"EXCHANGE_REST": f"http://me:{password}@127.0.0.1:1", "EXCHANGE_WS": f"ws://me:{password}@127.0.0.1:1"},
        {"EXCHANGE_REST": f"http://me:{SECRET}@127.0.0.1:1"},
        {"EXCHANGE_REST": f"ftp://me:{password}@127.0.0.1:1"},
        {"KAFKA_SECURITY": "sasl_plaintext", "KAFKA_USER": "me", "KAFKA_PASSWORD": SECRET},
    ):
        for form in ((), ("--json",)):
            code, output = await run(*form, **{**options(asked), **given})
            assert code == 1 and "Traceback" not in output, output
            assert "failed" in output and not reveals(output), output


async def test_what_a_container_has_no_package_for_is_left_out(asked: Asked) -> None:
    without = "import sys; sys.modules |= dict.fromkeys(('asyncpg', 'httpx', 'websockets'))"
    code, output = await run(program=without, **options(asked))
    assert code == 0, output
    left_out = [line.split("left out: the package ")[1] for line in output.splitlines() if "left out" in line]
    assert left_out == [f"{name} is not installed here" for name in ("asyncpg", "httpx", "httpx", "websockets")]

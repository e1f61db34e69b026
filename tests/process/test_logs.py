"""What a log line looks like to a person and to a machine."""

import io
import json
import logging
import time

import pytest

from rtchart.process import logs
from rtchart.process.logs import fields


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restore_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_machine_gets_one_json_object_a_line():
    stream = io.StringIO()
    logs.configure("producer", stream=stream)
    logging.getLogger("rtchart.x").warning("gap opened", extra=fields(symbol="BTCUSDT", seconds=7))
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "service": "producer",
        "logger": "rtchart.x",
        "message": "gap opened",
        "symbol": "BTCUSDT",
        "seconds": 7,
    }


def test_an_exception_stays_on_its_line():
    stream = io.StringIO()
    logs.configure("producer", stream=stream)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("rtchart.x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "two\nlines" in json.loads(line)["error"]


def test_a_person_gets_a_readable_line():
    stream = Terminal()
    logs.configure("producer", stream=stream)
    logging.getLogger("rtchart.x").warning("gap opened", extra=fields(symbol="BTCUSDT", seconds=7))
    assert stream.getvalue().split(" ", 1)[1] == "warning producer: gap opened symbol=BTCUSDT seconds=7\n"


@pytest.mark.parametrize(("form", "stream"), [("text", io.StringIO()), ("json", Terminal())])
def test_the_form_can_be_chosen(form: logs.Format, stream: io.StringIO):
    logs.configure("producer", form=form, stream=stream)
    logging.getLogger("rtchart.x").warning("gap opened")
    assert stream.getvalue().startswith("{") == (form == "json")


def test_what_kafkas_client_repeats_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()
    logs.configure("producer", stream=stream)
    client = logging.getLogger("aiokafka")
    for port in range(5):
        client.error("Unable connect to %s", port)
    logging.getLogger("rtchart.x").warning("said")
    logging.getLogger("rtchart.x").warning("said")
    client.error("another thing")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    monkeypatch.setattr(time, "time_ns", lambda: int((now + 61) * 1e9))
    client.error("Unable connect to %s", 9)
    said = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert said == ["Unable connect to 0", "said", "said", "another thing", "Unable connect to 9"]

"""A Symbol as the API gives it."""

from __future__ import annotations

from rtchart.core.symbol import DesiredSymbol
from rtchart_operator.conditions import merge
from rtchart_operator.resource import milliseconds, resource
from rtchart_operator.verdicts import Facts, judge
from tests.operator.material import body


def test_its_record_carries_the_time_of_its_creation_as_epoch() -> None:
    found = resource(body("btc", "BTCUSDT", intervals=["1h", "1m"], suspend=True, retention={"klineHours": 3, "candleDays": 0}))
    assert found.record() == DesiredSymbol(
        exchange="sim",
        symbol="BTCUSDT",
        epoch=milliseconds("2026-11-22T10:00:00Z"),
        name="market/btc",
        intervals=("1m", "1h"),
        suspend=True,
        kline_hours=3,
        candle_days=0,
    )
    assert found.record().epoch == 1_795_341_600_000
    assert not found.deleting
    assert resource(body("btc", "BTCUSDT", metadata={"deletionTimestamp": "2026-11-22T11:00:00Z"})).deleting


def test_a_spec_of_another_version_is_said_to_be_one() -> None:
    found = resource(body("btc", "BTCUSDT", colour="red"))
    assert found.spec is None
    verdict = judge(found.spec, found.problem, Facts(now=0, since=0))["Ready"]
    assert (verdict.status, verdict.reason) == ("False", "InvalidSpec")
    assert "colour" in verdict.message


def test_its_conditions_are_read_as_they_were_written() -> None:
    written = merge((), judge(None, "", Facts(now=0, since=0)), generation=3, now=1_000)
    items = [
        {
            "type": one.type,
            "status": one.status,
            "reason": one.reason,
            "message": one.message,
            "lastTransitionTime": one.last_transition_time,
            "observedGeneration": 3,
        }
        for one in written
    ]
    assert resource(body("btc", "BTCUSDT", status={"conditions": items})).conditions == written

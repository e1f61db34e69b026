"""What the dashboards' panels draw of a Prometheus that scrapes a release, and whether they follow what is done to it."""

from __future__ import annotations

from scripts.dashboards import Expression, expressions

from tests.e2e.prometheus import Prometheus

Series = dict[tuple[tuple[str, str], ...], float]

STILL = {
    "rtchart_producer_records_lost_total": "tests/producer/test_service.py",
    "rtchart_producer_klines_ignored_total": "tests/producer/test_service.py",
    "rtchart_inserter_fenced_total": "tests/inserter/test_service.py",
    "rtchart_inserter_offsets_lost_total": "tests/inserter/test_comings_and_goings.py",
    "rtchart_inserter_backfill_lag_records": "tests/inserter/test_service.py",
    "rtchart_aggregator_outbox_pending": "tests/aggregator/test_aggregator_run.py",
    "rtchart_web_symbols": "tests/web/test_service.py",
    "rtchart_web_mailbox_skips_total": "tests/web/test_mailbox.py",
    "rtchart_web_resyncs_total": "tests/web/test_mailbox.py",
    "rtchart_web_stalled_total": "tests/web/test_mailbox.py",
    "rtchart_web_requests_limited_total": "tests/web/test_limits.py",
    "rtchart_operator_watch_ends_total": "tests/operator/test_controller.py",
}
"""Metrics that what is done to a release need not move, and the test that moves each: it takes a client that reads nothing,
say, or two inserters that believe to own a partition."""


class Panels:
    """What their expressions have drawn so far."""

    def __init__(self) -> None:
        self._drawn: dict[Expression, list[Series]] = {each: [] for each in expressions({"__rate_interval": "1m"})}

    async def look(self, there: Prometheus) -> None:
        """Ask all of them. Raises for one that Prometheus does not take."""
        for each, before in self._drawn.items():
            series = {tuple(sorted(labels.items())): value for labels, value in await there.query(each.promql)}
            if series and series not in before:
                before.append(series)

    async def all_draw(self, there: Prometheus) -> bool:
        """Whether all have drawn something."""
        await self.look(there)
        empty = [_line(each) for each, drawn in self._drawn.items() if not drawn]
        assert not empty, "these draw nothing:\n" + "\n".join(empty)
        return True

    @property
    def unmoved(self) -> list[str]:
        """Expressions that drew the same each time, though what they tell of was provoked."""
        return [
            _line(each)
            for each, drawn in self._drawn.items()
            if len(drawn) < 2 and not any(metric in each.promql for metric in STILL)
        ]


def _line(each: Expression) -> str:
    return f"{each.dashboard}, {each.panel}: {each.promql}"

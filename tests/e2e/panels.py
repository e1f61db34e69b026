"""What the dashboards' panels draw of a Prometheus that scrapes a release, and whether they follow what is done to it."""

from __future__ import annotations

from scripts.dashboards import Expression, expressions

from tests.e2e.prometheus import Prometheus

Series = dict[tuple[tuple[str, str], ...], float]

STILL: dict[str, str] = {}
"""Panels of which a part may show the same all along, with the reason."""


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
        return [_line(each) for each, drawn in self._drawn.items() if len(drawn) < 2 and each.panel not in STILL]


def _line(each: Expression) -> str:
    return f"{each.dashboard}, {each.panel}: {each.promql}"

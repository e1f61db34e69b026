"""What a venue lists, asked for seldom and believed with care."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import cast

from rtchart.exchange.base import ASK_BY_NAME, Listed, Rest, RestError, Trading
from rtchart.exchange.directory import ASK_AGAIN, LOOK_AGAIN, Directory


class Venue:
    """Answers what it is told to; ``asked`` are the questions since they were looked at."""

    def __init__(self) -> None:
        self.trading: dict[str, Trading] = {}
        self.silent = False
        self._asked: list[list[str]] = []

    async def listed(self, symbols: Iterable[str]) -> dict[str, Listed]:
        names = list(symbols)
        self._asked.append(names)
        if self.silent:
            raise RestError("connection refused")
        return {name: Listed(self.trading.get(name, "trading")) for name in names}

    def asked(self) -> list[list[str]]:
        asked, self._asked = self._asked, []
        return asked


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def made() -> tuple[Venue, Clock, Directory]:
    venue, clock = Venue(), Clock()
    return venue, clock, Directory(cast(Rest, venue), clock)


async def test_one_that_is_unknown_hides_no_other_and_is_asked_for_again() -> None:
    venue, clock, directory = made()
    venue.trading = {"NOSUCH": "unknown", "HALTED": "halted"}
    assert await directory.refresh(["BTCUSDT", "NOSUCH", "HALTED"])
    assert directory.said == {"BTCUSDT": "trading", "NOSUCH": "unknown", "HALTED": "halted"}
    assert await directory.unlisted(["BTCUSDT", "NOSUCH", "HALTED"]) == {"NOSUCH"}
    assert venue.asked() == [["BTCUSDT", "HALTED", "NOSUCH"]], "once"
    clock.now += ASK_AGAIN
    venue.trading = {}
    assert await directory.unlisted(["BTCUSDT", "NOSUCH", "HALTED"]) == set()
    assert venue.asked() == [["HALTED", "NOSUCH"]], "what it trades is not asked for so soon"
    clock.now += LOOK_AGAIN
    assert not await directory.refresh(["BTCUSDT", "NOSUCH"])
    assert venue.asked() == [["BTCUSDT", "NOSUCH"]]
    assert "HALTED" not in directory.said, "nobody wants it any more"


async def test_many_are_asked_for_by_name_in_pieces() -> None:
    venue, _, directory = made()
    names = [f"S{number:04d}USDT" for number in range(2 * ASK_BY_NAME + 1)]
    await directory.refresh(names)
    asked = venue.asked()
    assert [len(piece) for piece in asked] == [ASK_BY_NAME, ASK_BY_NAME, 1]
    assert sorted(chain.from_iterable(asked)) == names


async def test_that_a_listed_symbol_is_unknown_is_believed_when_it_is_said_twice() -> None:
    venue, clock, directory = made()
    await directory.refresh(["BTCUSDT"])
    venue.trading = {"BTCUSDT": "unknown"}
    clock.now += LOOK_AGAIN
    assert not await directory.refresh(["BTCUSDT"])
    assert directory.said == {"BTCUSDT": "trading"}
    clock.now += ASK_AGAIN
    assert await directory.refresh(["BTCUSDT"]), "asked again soon, because it is in doubt"
    assert directory.said == {"BTCUSDT": "unknown"}
    venue.trading = {}
    clock.now += ASK_AGAIN
    await directory.refresh(["BTCUSDT"])
    assert directory.said == {"BTCUSDT": "trading"}, "and back at once"


async def test_a_venue_that_is_silent_is_said_to_be_and_what_was_known_stays() -> None:
    venue, clock, directory = made()
    await directory.refresh(["BTCUSDT"])
    venue.silent = True
    clock.now += LOOK_AGAIN
    assert await directory.refresh(["BTCUSDT", "ETHUSDT"])
    assert directory.silent == "connection refused"
    assert directory.said == {"BTCUSDT": "trading"}
    venue.silent = False
    clock.now += ASK_AGAIN
    assert await directory.refresh(["BTCUSDT", "ETHUSDT"])
    assert directory.silent == "" and directory.said == {"BTCUSDT": "trading", "ETHUSDT": "trading"}

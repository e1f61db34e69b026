"""The exchange: its REST and its clock, its WebSocket, and whether it trades what is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from rtchart.exchange.base import Rest, Trading, Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.directory import Directory
from rtchart.exchange.venues import connect_rest, try_stream, venue
from rtchart.process.clock import now_ms
from rtchart.tools.doctor import clocks
from rtchart.tools.doctor.findings import Finding, bounded, failed, left_out, listed, ok, skipped, warning

MEASUREMENTS = 3
"""Of the clock: the quickest counts."""
SHARE = 0.5
"""Of the weight that the exchange allows an address, beyond which the producers' repairs wait."""
_FIRST_BACKOFF = 0.05
"""Seconds, so that a request's attempts are over, and have a reason, before patience is."""

_REACH = (
    "See whether this machine may go there (DNS, firewall, NetworkPolicy, HTTPS_PROXY), whether the exchange serves this "
    "country, or correct --exchange-rest and --exchange-ws."
)
_CLOCK = (
    "Have this machine set its clock (chronyc tracking, timedatectl set-ntp true): with it off, minutes are folded too early "
    "or too late, and measured latencies are wrong by as much."
)


class Places:
    """The venue's addresses as they may be shown: without what may be a password in them."""

    def __init__(self, *urls: str) -> None:
        # A sentence may quote one, in which some characters are written otherwise.
        shown = {text.rstrip("/"): shown_address(url) for url in urls for text in (url, repr(url)[1:-1])}
        self._shown = dict(sorted(shown.items(), key=lambda pair: -len(pair[0])))

    def hide(self, text: str) -> str:
        """The text, the addresses in it as they may be shown."""
        for url, shown in self._shown.items():
            text = text.replace(url, shown)
        return text


def shown_address(url: str) -> str:
    """Scheme, host and port of a URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the given address"
    hosts = parts.netloc.rpartition("@")[2]
    # A password with a / in it is read as a path, the rest of the address with it.
    if not hosts or "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return "the given address"
    return f"{parts.scheme}://{hosts}"


async def examine(
    name: str, ws: str | None, rest: str | None, wanted: Callable[[], Awaitable[set[str] | str]], *, patience: float
) -> list[Finding]:
    """Look at the venue of this name. ``wanted`` tells the symbols that shall stream from it, or why they are not known."""
    what = f"exchange {name}"
    made: list[Venue] = []

    async def known() -> list[Finding]:
        made.append(venue(name, ws=ws, rest=rest))
        return []

    places = Places(*filter(None, (ws, rest)))
    findings = await bounded(what, known, patience=patience, advice=_REACH)
    if made:
        findings = await _look(made[0], wanted, patience)
    return [
        Finding(each.outcome, each.what, places.hide(each.found), each.figures, places.hide(each.advice)) for each in findings
    ]


async def _look(place: Venue, wanted: Callable[[], Awaitable[set[str] | str]], patience: float) -> list[Finding]:
    try:
        rest = connect_rest(place, VenueClock(), first_backoff=_FIRST_BACKOFF)
    except ModuleNotFoundError as error:
        asked = [left_out(f"{place.name} {what}", error) for what in ("REST", "symbols")]
        return [*asked, *await _stream(place, patience)]
    try:
        parts = await asyncio.gather(
            bounded(f"{place.name} REST", lambda: _rest(place, rest), patience=patience, advice=_REACH),
            _stream(place, patience),
            _symbols(place, rest, wanted, patience),
        )
    finally:
        await rest.aclose()
    return [finding for part in parts for finding in part]


async def _rest(place: Venue, rest: Rest) -> list[Finding]:
    measured = []
    for _ in range(MEASUREMENTS):
        sent = now_ms()
        told = await rest.time()
        measured.append(clocks.offset(sent, told, now_ms()))
    best = min(measured, key=lambda each: each.within)
    return [
        ok(f"{place.name} REST", shown_address(place.rest), round_trip_ms=round(2 * best.within)),
        clocks.judge(f"{place.name} clock", best, _CLOCK),
        judge_weight(place.name, rest.used),
    ]


def judge_weight(name: str, used: float) -> Finding:
    """The share of the weight that everybody at this address used in the last minute."""
    figures = {"used_percent": round(100 * used)}
    if used <= SHARE:
        return ok(f"{name} request weight", **figures)
    return warning(
        f"{name} request weight",
        f"over {SHARE:.0%} of the limit is used, beyond which producers wait",
        "See who else asks the exchange from this address, or give rtchart one of its own.",
        **figures,
    )


async def _stream(place: Venue, patience: float) -> list[Finding]:
    async def check() -> list[Finding]:
        await try_stream(place)
        return [ok(f"{place.name} WebSocket", shown_address(place.ws))]

    return await bounded(f"{place.name} WebSocket", check, patience=patience, advice=_REACH)


async def _symbols(place: Venue, rest: Rest, wanted: Callable[[], Awaitable[set[str] | str]], patience: float) -> list[Finding]:
    what = f"{place.name} symbols"
    names = await wanted()
    if isinstance(names, str):
        return [skipped(what, names)]

    async def check() -> list[Finding]:
        directory = Directory(rest, now_ms, patience=patience)
        await directory.refresh(names)
        if directory.silent:
            return [failed(what, f"it does not say what it lists: {directory.silent}", _REACH)]
        return judge_symbols(what, directory.said)

    return await bounded(what, check, patience=patience, advice=_REACH, grace=1)


def judge_symbols(what: str, said: Mapping[str, Trading]) -> list[Finding]:
    """What the venue says of the wanted symbols."""
    unknown = [symbol for symbol, trading in said.items() if trading == "unknown"]
    halted = [symbol for symbol, trading in said.items() if trading == "halted"]
    figures = {"wanted": len(said), "trading": len(said) - len(unknown) - len(halted)}
    findings = []
    if unknown:
        advice = "Correct their names: delete these Symbols and apply others, or wait until they are listed."
        findings.append(failed(what, f"not listed: {listed(unknown)}", advice, **figures))
    if halted:
        findings.append(
            warning(what, f"not traded now: {listed(halted)}", "They stream again when they are traded.", **figures)
        )
    return findings or [ok(what, **figures)]

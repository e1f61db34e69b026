"""What happens to REST requests."""

from __future__ import annotations

from typing import Annotated

import msgspec

from rtchart.sim.catalogue.fault import (
    Fault,
    HttpStatus,
    Later,
    lower,
    once,
)
from rtchart.sim.faults import Faults, Rejection, Undo

UNDER_WAY = 1_000
"""ms, of the machine."""


class TooManyRequests(Fault, tag="too_many_requests"):
    """The next request gets 429 with Retry-After, and so do those that come within a second, which may have been under way.
    Whoever asks again before the time gets 418, a ban of so many seconds, and a longer one each time. Seconds of the machine.
    """

    SEEN = "REST API, LIMITS: 429, then 418 with a ban of 2 minutes to 3 days for who goes on."
    retry_after: Annotated[int, msgspec.Meta(ge=1)] = 5
    ban: Annotated[int, msgspec.Meta(ge=1)] = 120

    def begin(self, faults: Faults, later: Later) -> Undo:
        told, until, ban = -1, -1, self.ban

        def rejects(now: int) -> Rejection | None:
            nonlocal told, until, ban
            if told < 0:
                told, until = now, now + self.retry_after * 1_000
            if now < min(told + UNDER_WAY, until):
                return Rejection(429, -(-(until - now) // 1_000))
            if now < until:
                until, ban = now + ban * 1_000, ban * 2
                faults.violations["asked again before Retry-After"] += 1
                return Rejection(418, (until - now) // 1_000)
            return None

        return faults.reject(rejects)


class RestStatus(Fault, tag="rest_status"):
    """Every REST request gets this status: 403 of a firewall, 418 of a ban, 5xx of a server that is not well."""

    SEEN = "REST API, HTTP Return Codes; 403 is the web application firewall."
    status: HttpStatus = 503
    retry_after: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Seconds, of the machine."""

    def begin(self, faults: Faults, later: Later) -> Undo:
        until = 0

        def rejects(now: int) -> Rejection:
            nonlocal until
            if self.retry_after is not None:
                # What comes within a second may have been under way.
                if until - self.retry_after * 1_000 + UNDER_WAY < now < until:
                    faults.violations["asked again before Retry-After"] += 1
                if now >= until:
                    until = now + self.retry_after * 1_000
            return Rejection(self.status, self.retry_after)

        return faults.reject(rejects)


class RestHangs(Fault, tag="rest_hangs"):
    """REST requests are taken and not answered."""

    SEEN = "A load balancer in front of a server that is gone."

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.hanging += 1
        return once(lambda: lower(faults, "hanging"))


class RestCut(Fault, tag="rest_cut"):
    """The bodies of REST answers end half-way."""

    SEEN = "Connections that proxies cut; a JSON array without its end."

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.cut_bodies += 1
        return once(lambda: lower(faults, "cut_bodies"))


class RestFewRows(Fault, tag="rest_few_rows"):
    """Answers have at most so many rows, whatever was asked for."""

    SEEN = """A short answer does not say that there is no more: outages turned into plausible candles,
    nautechsystems/nautilus_trader#4594."""
    rows: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.fewest_rows.append(self.rows)
        return once(lambda: faults.fewest_rows.remove(self.rows))

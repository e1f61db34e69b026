"""Who asks, by address: how many sockets and subscriptions an address has, and how fast it asks.

An address is an IPv4 address, or the first 64 bits of an IPv6 one: whoever has one of these has them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rtchart.core.errors import UserError
from rtchart.process.logs import fields
from rtchart.web.bucket import Bucket
from rtchart.web.channel import Client

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

REMEMBERED = 20_000
"""Addresses without a socket that are known; of more than these, the one that has been quiet the longest is forgotten."""

BURST = 10.0
"""Seconds of requests that an address which was quiet may send at once."""

ROWS = 100
"""Rows of history that count as one request more."""

NOBODY = "nobody"
"""Whoever comes without an address."""


@dataclass(frozen=True)
class Limits:
    """What one address may have; 0: no limit."""

    sockets: int = 100
    subscriptions: int = 1_000
    requests: float = 50.0
    """Of the API, a second; a page of history counts one more for each `ROWS` rows."""
    proxies: tuple[Network, ...] = ()
    """Whose ``X-Forwarded-For`` is believed."""

    @property
    def any(self) -> bool:
        """Whether it matters who asks."""
        return bool(self.sockets or self.subscriptions or self.requests)


NO_LIMITS = Limits(sockets=0, subscriptions=0, requests=0)


def networks(text: str) -> tuple[Network, ...]:
    """``10.0.0.0/8,2001:db8::/32``; an address alone is a network of one. Raises `UserError`."""
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError as error:
            raise UserError(f"{part!r} is no network ({error}); write it like 10.0.0.0/8 or 2001:db8::/32") from None
    return tuple(found)


class Visitor:
    """One address, with its sockets."""

    __slots__ = ("_bucket", "clients", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.clients: set[Client] = set()
        self._bucket = Bucket(limits.requests, limits.requests * BURST) if limits.requests else None

    @property
    def crowded(self) -> bool:
        """Whether it may have no more sockets."""
        return 0 < self.limits.sockets <= len(self.clients)

    @property
    def sated(self) -> bool:
        """Whether it may have no more subscriptions."""
        return 0 < self.limits.subscriptions <= sum(len(client.channels) for client in self.clients)

    def take(self, rows: int = 0) -> float:
        """Let it ask once, for so many rows of history; or the seconds after which it may."""
        return 0.0 if self._bucket is None else self._bucket.take(1 + rows / ROWS)

    async def turn(self, rows: int) -> None:
        """Wait until it may read so many rows."""
        if self._bucket is not None and (wait := self._bucket.owe(1 + rows / ROWS)):
            await asyncio.sleep(wait)


class Addresses:
    """All that are known. Its memory is bounded by the sockets that are open and `REMEMBERED`."""

    def __init__(self, limits: Limits = NO_LIMITS) -> None:
        self.limits = limits
        self._present: dict[str, Visitor] = {}
        """With sockets."""
        self._absent: OrderedDict[str, Visitor] = OrderedDict()
        """Without, the one that has been quiet the longest first."""
        self._warned = False

    def __len__(self) -> int:
        return len(self._present) + len(self._absent)

    def visitor(self, key: str) -> Visitor:
        """Of the address with this key (`key`)."""
        visitor = self._present.get(key)
        if visitor is None:
            visitor = self._absent.pop(key, None) or Visitor(self.limits)
            self._remember(key, visitor)
        return visitor

    @contextlib.contextmanager
    def socket(self, key: str, client: Client) -> Iterator[Visitor]:
        """The address has this socket meanwhile."""
        visitor = self.visitor(key)
        visitor.clients.add(client)
        self._absent.pop(key, None)
        self._present[key] = visitor
        try:
            yield visitor
        finally:
            visitor.clients.discard(client)
            if not visitor.clients:
                del self._present[key]
                self._remember(key, visitor)

    def key(self, peer: str | None, forwarded: Sequence[str]) -> str:
        """Whose request it is that ``peer`` brings, with these values of ``X-Forwarded-For``.

        Each proxy adds at the right who asked it, so the first from the right that is no trusted proxy is who asks: what stands
        left of it, anybody may have written. Where a trusted proxy wrote no address, the request counts as the proxy's own.
        """
        address = _address(peer or "")
        if address is None:
            return NOBODY
        trusted = self._trusted(address)
        if forwarded and not trusted:
            self._warn(address)
        for text in reversed(_listed(forwarded)) if trusted else ():
            before = _address(text)
            if before is None:
                break
            address = before
            if not self._trusted(address):
                break
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)

    def _warn(self, address: _Address) -> None:
        """Once, because anybody can write that header."""
        if not self._warned and self.limits.any:
            self._warned = True
            log.warning(
                "X-Forwarded-For is not believed: all who come by this address count as one. If it is a proxy of yours, "
                "name its network in --trusted-proxies",
                extra=fields(peer=str(address)),
            )

    def _trusted(self, address: _Address) -> bool:
        return any(address in network for network in self.limits.proxies)

    def _remember(self, key: str, visitor: Visitor) -> None:
        self._absent[key] = visitor
        if len(self._absent) > REMEMBERED:
            self._absent.popitem(last=False)


def _listed(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",")]


def _address(text: str) -> _Address | None:
    """As proxies write it: some with a port, ``203.0.113.7:4711`` or ``[2001:db8::1]:4711``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address

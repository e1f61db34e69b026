"""What a venue says of the symbols that are wanted: asked for as few times as that takes, and remembered.

For those who turn what people want into what the pipeline is asked for. The producer asks for itself, because what it hears of
a symbol is to be believed more than what is said of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from rtchart.exchange.base import ASK_BY_NAME, Rest, RestError, Trading
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

ASK_AGAIN = 60_000
"""Milliseconds after which the venue is asked again about a symbol that it did not list, or trade, or tell of."""
LOOK_AGAIN = 10 * ASK_AGAIN
"""… and about one that it traded."""
PATIENCE = 5.0
"""Seconds that the venue has for an answer."""


class Directory:
    """What the venue said last of each symbol. For one task."""

    def __init__(self, rest: Rest, clock: Callable[[], int], *, patience: float = PATIENCE) -> None:
        self._rest = rest
        self._clock = clock
        self._patience = patience
        self._asked_at: dict[str, int] = {}
        self._doubted: set[str] = set()
        self.said: dict[str, Trading] = {}
        """By symbol. One that it traded is unknown to it only when it says so twice: one odd answer is not believed."""
        self.silent = ""
        """Why the last question got no answer; empty if it got one."""

    async def refresh(self, symbols: Iterable[str]) -> bool:
        """Ask about those of the symbols whose time it is; whether anything is known anew. It never raises."""
        wanted, now = set(symbols), self._clock()
        for symbol in self._asked_at.keys() - wanted:
            del self._asked_at[symbol]
            self.said.pop(symbol, None)
        names = sorted(symbol for symbol in wanted if self._due(symbol, now))
        self._asked_at.update(dict.fromkeys(names, now))
        before = (dict(self.said), self.silent)
        # By name, and not for all there is: the simulated exchange lists what it is asked for.
        for first in range(0, len(names), ASK_BY_NAME):
            await self._ask(names[first : first + ASK_BY_NAME])
            if self.silent:
                break
        return before != (self.said, self.silent)

    async def unlisted(self, symbols: Iterable[str]) -> set[str]:
        """Those of the symbols that the venue does not know. What it could not be asked about counts as known."""
        symbols = set(symbols)
        await self.refresh(symbols)
        return {symbol for symbol in symbols if self.said.get(symbol) == "unknown"}

    def _due(self, symbol: str, now: int) -> bool:
        if symbol not in self._asked_at:
            return True
        patience = LOOK_AGAIN if self.said.get(symbol) == "trading" and symbol not in self._doubted else ASK_AGAIN
        return now - self._asked_at[symbol] >= patience

    async def _ask(self, names: list[str]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._rest.listed(names)
        except (RestError, TimeoutError) as error:
            self.silent = str(error) or f"no answer within {self._patience:g} s"
            log.warning("the exchange does not say which symbols it lists", extra=fields(error=self.silent))
            return
        self.silent = ""
        for symbol, listed in answer.items():
            odd = listed.trading == "unknown" and self.said.get(symbol) in ("trading", "halted")
            if odd and symbol not in self._doubted:
                self._doubted.add(symbol)
                continue
            self._doubted.discard(symbol)
            self.said[symbol] = listed.trading

"""The Jobs of the chart, with an API server that only remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from rtchart_operator import hooks
from rtchart_operator.api import Api, ApiError, Gone
from tests.operator.material import body


class Server:
    """Holds Symbols, which go some time after they were deleted; without a definition there are none to ask for."""

    def __init__(self, *symbols: dict[str, Any], error: ApiError | None = None) -> None:
        self.symbols = {one["metadata"]["name"]: one for one in symbols}
        self.error = error
        self.answers_after: int | None = None
        """How often it fails before it answers; None: for ever."""
        self.deleted: list[str] = []
        self._going: set[str] = set()

    async def list(self) -> tuple[list[Mapping[str, Any]], int]:
        if self.error is not None:
            if self.answers_after is None:
                raise self.error
            self.answers_after -= 1
            if self.answers_after >= 0:
                raise self.error
        found = list(self.symbols.values())
        for name in self._going:
            del self.symbols[name]
        self._going = set()
        return found, 1

    async def delete(self, name: str) -> None:
        self.deleted.append(name)
        self._going.add(name)


async def test_symbols_whose_data_goes_with_them_are_deleted_once_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0.01)
    server = Server(body("kept", "BTCUSDT"), body("taken", "ETHUSDT", deletionPolicy="Delete"))
    await hooks.clean_up(cast(Api, server))
    assert server.deleted == ["taken"] and set(server.symbols) == {"kept"}


async def test_without_the_definition_there_is_nothing_to_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0.01)
    await hooks.clean_up(cast(Api, Server(error=Gone("symbols is not there"))))


async def test_an_api_server_that_has_just_started_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0.01)
    server = Server(body("taken", "ETHUSDT", deletionPolicy="Delete"), error=Gone("symbols is not there"))
    server.answers_after = 3
    await hooks.clean_up(cast(Api, server))
    assert server.deleted == ["taken"]


async def test_an_api_server_that_refuses_is_no_clean_up() -> None:
    with pytest.raises(ApiError, match="forbidden"):
        await hooks.clean_up(cast(Api, Server(error=ApiError("symbols is forbidden"))))

"""Where the page is said to be."""

from __future__ import annotations

import pytest

from rtchart.local.ports import in_url


@pytest.mark.parametrize(
    ("listens_on", "said"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]"), ("localhost", "localhost")],
)
def test_an_address_in_a_url(listens_on: str, said: str) -> None:
    assert in_url(listens_on) == said

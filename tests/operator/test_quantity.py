"""Sizes as Kubernetes writes them."""

from __future__ import annotations

import click
import pytest

from rtchart_operator.quantity import Bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("8Gi", 8 * 2**30), ("500G", 500 * 10**9), ("1.5Ti", 3 * 2**39), ("64k", 64_000), ("1073741824", 2**30), ("2Mi", 2**21)],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert Bytes().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "0", "8 Gi", "8gi", "-1Gi", "Gi", "1e3", "8K", "0.1"])
def test_what_is_none_is_said(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is no size; write it as Kubernetes does: 8Gi"):
        Bytes().convert(text, None, None)

"""Inputs that nobody means: any bytes, any JSON, and what is right but for a few places."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# Past what 64 bits hold, where a reader may not expect them, and floats that are no numbers.
NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.sampled_from([2**31, 2**53, 2**63, 2**64, 10**400]) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def encoded(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """As JSON; NaN and numbers that are too large included, as Python writes them."""
    return values.map(lambda value: json.dumps(value).encode())


def nested(opening: str, closing: str = "") -> st.SearchStrategy[bytes]:
    """Text that opens a great many things, and may close them."""
    return st.sampled_from([1, 50, 1_500]).map(lambda depth: (opening * depth + closing * depth).encode())


@st.composite
def changed(draw: st.DrawFn, right: Any) -> Any:
    """A document with up to three of its places made anything, taken out, or doubled under another name."""
    document = json.loads(json.dumps(right))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["anything", "out", "more"])):
            case "anything":
                holder[key] = draw(VALUES)
            case "out":
                del holder[key]
            case "more" if isinstance(holder, dict):
                holder[draw(st.text())] = draw(VALUES)
    return document


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def torn(text: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Text with bytes put in somewhere, and its end cut off."""
    return st.builds(
        lambda whole, at, noise, end: (whole[:at] + noise + whole[at:])[: len(whole) - end],
        text,
        st.integers(0, 500),
        st.binary(max_size=8),
        st.integers(0, 50),
    )

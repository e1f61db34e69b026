"""Sizes as Kubernetes writes them."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import click
import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtchart_operator.quantity import MOST, Bytes, size

SCHEMA = json.loads((Path(__file__).parents[2] / "charts/rtchart/values.schema.json").read_text(encoding="utf-8"))
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {f"{letter}i": 2 ** (10 * power) for power, letter in enumerate("KMGTPE", 1)}


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("8Gi", 8 * 2**30),
        ("500G", 500 * 10**9),
        ("1.5Ti", 3 * 2**39),
        ("64k", 64_000),
        ("1073741824", 2**30),
        ("2Mi", 2**21),
        # Each of these `kubectl create quota --hard=requests.storage=… --dry-run=client` takes.
        ("1e10", 10**10),
        ("10e9", 10**10),
        ("1E3", 1000),
        ("1E", 10**18),
        ("1e+3", 1000),
        ("1e030", MOST),
        ("128974848000m", 128_974_848),
        ("+8Gi", 8 * 2**30),
        ("1.", 1),
        (".5Gi", 2**29),
        ("+.5M", 500_000),
        ("8Ei", MOST),
        ("9.5E", MOST),
        # A fraction of a byte is a whole one.
        ("400m", 1),
        ("1n", 1),
        ("1e-30", 1),
        ("0.1", 1),
        ("1500m", 2),
    ],
)
def test_a_size_is_read(text: str, bytes_: int) -> None:
    assert Bytes().convert(text, None, None) == bytes_


@pytest.mark.parametrize(
    "text",
    # The first lines Kubernetes refuses too; the last are nothing, less than nothing, or kept kubectl busy for minutes.
    [
        *("", "8 Gi", " 8Gi", "8Gi\n", "8gi", "8GB", "8K", "1i", "1e", "1e+", "1e9.5", "1e3Ki", "++1", "1_000", "1.2.3", "٨Gi"),
        *("0", "00.0Gi", "0e5", "-1Gi", ".", "Gi", "e3", "1e3000000000"),
    ],
)
def test_what_is_none_is_said(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is no size; write it as Kubernetes does: 8Gi"):
        Bytes().convert(text, None, None)


suffixes = st.one_of(
    st.sampled_from([*DECIMAL, *BINARY]),
    st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 999)),
)
digits = st.text("0123456789", max_size=40)


@given(st.sampled_from(["", "+"]), digits, st.sampled_from(["", "."]), digits, suffixes)
@example("", "0", ".", "0" * 30 + "1", "")
@example("", "9223372036854775806", ".", "0" * 30 + "1", "")
def test_it_is_worth_what_its_parts_are(sign: str, whole: str, point: str, fraction: str, suffix: str) -> None:
    """Exactly, rounded up to a byte, and at most what fits into 64 bits."""
    number = Fraction(int(whole + fraction or "0"), 10 ** (len(fraction) if point else 0))
    if suffix in BINARY:
        factor = Fraction(BINARY[suffix])
    else:
        factor = Fraction(10) ** (DECIMAL[suffix] if suffix in DECIMAL else int(suffix[1:]))
    expected = min(math.ceil(number * factor), MOST) if number else None
    assert size(f"{sign}{whole}{point}{fraction}{suffix}") == expected


texts = st.lists(st.sampled_from([*"0123456789.+-eEinumkKMGTP _", *DECIMAL, *BINARY, "1e", "٣"]), max_size=12).map("".join)


@given(texts)
def test_helm_takes_what_the_operator_takes(text: str) -> None:
    """A size that stops the operator is refused before anything is installed, and none that it could read."""
    read = size(text) is not None
    sections = SCHEMA["properties"]
    for section in ("postgresql", "kafka"):
        volume = sections[section]["properties"]["persistence"]["properties"]["size"]
        assert jsonschema.Draft7Validator(volume).is_valid(text) is read
    capacity = sections["database"]["properties"]["capacity"]
    assert jsonschema.Draft7Validator(capacity).is_valid(text) is (read or text == "")


@given(st.integers(-(2**70), 2**70))
def test_a_number_is_one_of_bytes(number: int) -> None:
    """YAML has no quotes around 10737418240; the chart writes it out."""
    volume = SCHEMA["properties"]["postgresql"]["properties"]["persistence"]["properties"]["size"]
    read = size(str(number))
    assert jsonschema.Draft7Validator(volume).is_valid(number) is (read is not None)
    assert read == (min(number, MOST) if number > 0 else None)

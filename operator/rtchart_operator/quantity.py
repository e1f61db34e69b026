"""Kubernetes quantities, as sizes of volumes are written (``8Gi``).

The grammar, and what its values are, is that of
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/: a fraction of a byte is a whole one, and what
is too much is the most there is. Of it a size is what is more than zero.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, localcontext

import click

_NUMBER = r"[+]?(?:0*[1-9][0-9]*(?:[.][0-9]*)?|0*[.]0*[1-9][0-9]*)"
# Longer exponents say nothing more; at 1e3000000000 Kubernetes' own code reckons for minutes.
_SUFFIX = r"(?:[eE][+-]?[0-9]{1,3}|[KMGTPE]i|[numkMGTPE])?"
_SIZE = re.compile(f"({_NUMBER})({_SUFFIX})")

PATTERN = f"^{_NUMBER}{_SUFFIX}$"
"""What a size is, for JSON Schema: in the words that the regular expressions of Go, JavaScript and Python share."""
MOST = 2**63 - 1

_FACTORS = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(["n", "u", "m", "", *"kMGTPE"], -3)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def size(text: str) -> int | None:
    """The bytes of a quantity; None for what is no size."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    number, suffix = found.groups()
    # Up at each step: 28 digits are more than a size has, and nothing that is more than zero becomes zero.
    with localcontext(rounding=ROUND_CEILING):
        exact = Decimal(number) * (_FACTORS[suffix] if suffix in _FACTORS else Decimal(f"1{suffix}"))
        return int(min(exact, Decimal(MOST)).to_integral_value())


class Bytes(click.ParamType[int]):
    """An option that takes a quantity of bytes."""

    name = "bytes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The whole number of bytes. Fails with a sentence for what is no quantity."""
        if isinstance(value, int):
            return value
        found = size(str(value))
        if found is None:
            self.fail(f"{value!r} is no size; write it as Kubernetes does: 8Gi, 500G, or a number of bytes", param, ctx)
        return found

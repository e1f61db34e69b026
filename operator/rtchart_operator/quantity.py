"""Kubernetes quantities, as sizes of volumes are written (``8Gi``)."""

from __future__ import annotations

import re
from decimal import Decimal

import click

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(k|M|G|T|P|E|[KMGTPE]i)?")
_POWERS = {letter: power for power, letter in enumerate("KMGTPE", 1)}


class Bytes(click.ParamType[int]):
    """An option that takes a quantity of bytes."""

    name = "bytes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The whole number of bytes. Fails with a sentence for what is no quantity."""
        if isinstance(value, int):
            return value
        found = _QUANTITY.fullmatch(str(value))
        size = 0
        if found:
            unit = found[2] or ""
            factor = (1024 if unit.endswith("i") else 1000) ** (_POWERS[unit[0].upper()] if unit else 0)
            size = int(Decimal(found[1]) * factor)
        if size < 1:
            self.fail(f"{value!r} is no size; write it as Kubernetes does: 8Gi, 500G, or a number of bytes", param, ctx)
        return size

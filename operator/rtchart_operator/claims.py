"""Who may speak for a symbol, and what the topic ``rtchart.symbols`` has to say because of it. Pure.

Within a namespace the oldest resource of an (exchange, symbol) has it, and the younger ones are duplicates. Of two namespaces
that share one Kafka under one prefix, the younger resource has it: its record has the higher epoch, and the older operator
leaves it alone. So any number of operators come to the same end, whoever looks first.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from rtchart.broker.table import Changes
from rtchart.core.symbol import DesiredSymbol
from rtchart_operator.resource import Resource


@dataclass(frozen=True)
class Claims:
    """Which resource speaks for which key of the topic."""

    owners: dict[str, Resource]
    duplicates: dict[str, str]
    """Of resources that may not speak, by uid: who does, as a sentence."""


def claims(resources: Iterable[Resource], topic: Mapping[str, DesiredSymbol], *, namespace: str) -> Claims:
    """The claims of the namespace's resources, beside the records that others may have put on the topic."""
    owners: dict[str, Resource] = {}
    duplicates: dict[str, str] = {}
    for resource in sorted(resources, key=lambda one: (one.created, one.name, one.uid)):
        if resource.spec is None or resource.deleting:
            continue
        key = str(resource.spec.identity)
        if key in owners:
            older = owners[key]
            duplicates[resource.uid] = f"the Symbol {older.name} has {key} already, and is older; delete one of the two"
            continue
        owners[key] = resource
    for key, resource in list(owners.items()):
        record = topic.get(key)
        if record is not None and _elsewhere(record, namespace) and _rank(record) > _rank(resource.record()):
            del owners[key]
            duplicates[resource.uid] = (
                f"the Symbol {record.name} asks the same Kafka for {key}, and is younger; "
                "delete one of the two, or give this release a topic prefix of its own"
            )
    return Claims(owners, duplicates)


def changes(
    claimed: Claims,
    topic: Mapping[str, DesiredSymbol],
    *,
    namespace: str,
    unlisted: Container[str],
    complete: bool,
) -> Changes[DesiredSymbol]:
    """What to write so that the topic says what the resources do.

    A key that the exchange does not list (``unlisted``) gets no record; one that it has stays, because the exchange may be
    mistaken. Records of this namespace that no resource asks for any more end, if all resources are known (``complete``).
    """
    out: Changes[DesiredSymbol] = {}
    for key, resource in claimed.owners.items():
        record = resource.record()
        if topic.get(key) != record and key not in unlisted:
            out[key] = record
    if complete:
        for key, record in topic.items():
            if key not in claimed.owners and record.name.startswith(f"{namespace}/"):
                out[key] = None
    return out


def _elsewhere(record: DesiredSymbol, namespace: str) -> bool:
    """Whether it is another namespace's; a name without a slash is a file's, and gives way."""
    return "/" in record.name and not record.name.startswith(f"{namespace}/")


def _rank(record: DesiredSymbol) -> tuple[int, str]:
    return record.epoch, record.name

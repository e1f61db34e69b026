"""The Symbols there are, as watch and lists tell of them.

A watch alone is not enough: after it broke off, a new one tells what there is, and not what went in between. So the sweep
lists all of them each minute, and a list may be older than what the watch told meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from rtchart_operator.resource import Resource


class Registry:
    """The newest known state of each resource, by uid. A uid is never given twice."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.complete = False
        """Whether all there are have been listed once: only then is one that is missing known to be gone."""
        self._gone: dict[str, int] = {}

    def see(self, resource: Resource) -> bool:
        """Take a state of a resource; whether it is news."""
        known = self.resources.get(resource.uid)
        if resource.uid in self._gone or (known is not None and known.version >= resource.version):
            return False
        self.resources[resource.uid] = resource
        return True

    def remove(self, uid: str, version: int) -> bool:
        """Take that a resource was deleted; whether it is news. ``version`` is that of the deletion."""
        self._gone[uid] = version
        return self.resources.pop(uid, None) is not None

    def replace(self, listed: Iterable[Resource], version: int) -> bool:
        """Take a list of all there were at ``version``; whether it holds news."""
        there = {resource.uid: resource for resource in listed}
        missing = [uid for uid, known in self.resources.items() if uid not in there and known.version <= version]
        for uid in missing:
            del self.resources[uid]
        changed = [resource for resource in there.values() if self.see(resource)]
        news = bool(missing or changed or not self.complete)
        # Whatever was deleted before the list was made is in no later one either.
        self._gone = {uid: at for uid, at in self._gone.items() if at > version}
        self.complete = True
        return news

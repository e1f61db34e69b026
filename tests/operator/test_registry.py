"""The Symbols there are, whatever order watch and lists tell of them in."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rtchart_operator.registry import Registry
from rtchart_operator.resource import Resource
from tests.operator.material import seen


@dataclass
class Cluster:
    """An API server: its Symbols, and all that a watch would tell and lists would hold."""

    version: int = 0
    there: dict[str, Resource] = field(default_factory=dict)
    told: list[tuple[str, Resource]] = field(default_factory=list)
    lists: list[tuple[list[Resource], int]] = field(default_factory=list)

    def apply(self, name: str, action: str) -> None:
        self.version += 1
        if action == "list":
            self.lists.append((list(self.there.values()), self.version - 1))
        elif action == "delete":
            if gone := self.there.pop(name, None):
                self.told.append(("DELETED", msgspec.structs.replace(gone, version=self.version)))
        else:
            # A namesake that is made anew has another uid.
            uid = self.there[name].uid if name in self.there else f"{name}-{self.version}"
            self.there[name] = msgspec.structs.replace(seen(name), uid=uid, version=self.version)
            self.told.append(("MODIFIED", self.there[name]))


actions = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["apply", "delete", "list"])), max_size=20)


@given(actions, st.data())
def test_whatever_the_watch_left_out_and_whenever_lists_come_the_last_list_is_the_truth(
    history: list[tuple[str, str]], data: st.DataObject
) -> None:
    cluster, registry = Cluster(), Registry()
    for name, action in history:
        cluster.apply(name, action)
    cluster.apply("", "list")
    heard = [event for event in cluster.told if data.draw(st.booleans())]
    events: list[object] = [*heard, *cluster.lists[:-1]]
    for event in data.draw(st.permutations(events)):
        match event:
            case (list() as listed, int(version)):
                registry.replace(listed, version)
            case ("DELETED", Resource() as resource):
                registry.remove(resource.uid, resource.version)
            case (_, Resource() as resource):
                registry.see(resource)
    listed, version = cluster.lists[-1]
    registry.replace(listed, version)
    assert registry.resources == {one.uid: one for one in cluster.there.values()}
    assert registry.complete
    assert not registry.replace(listed, version), "no news"


@given(actions)
def test_a_list_that_is_older_than_what_the_watch_told_takes_nothing_back(history: list[tuple[str, str]]) -> None:
    cluster, registry = Cluster(), Registry()
    for name, action in history:
        cluster.apply(name, action)
    for kind, resource in cluster.told:
        if kind == "DELETED":
            registry.remove(resource.uid, resource.version)
        else:
            registry.see(resource)
    for listed, version in cluster.lists:
        registry.replace(listed, version)
    assert registry.resources == {one.uid: one for one in cluster.there.values()}

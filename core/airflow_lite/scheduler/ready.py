"""The instances of one run that may be queued, in the order in which they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.states import SCHEDULABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.scheduler.model import Instance, InstanceKey

#: (−priority, map index, row id, key): as `admit` orders within a run.
_Place = tuple[int, int, int, "InstanceKey"]


class Ready:
    """Ready instances by key, with the first few at hand however many there are."""

    __slots__ = ("_by_key", "_order", "_placed")

    def __init__(self) -> None:
        self._by_key: dict[InstanceKey, Instance] = {}
        self._order: list[_Place] = []
        self._placed: set[InstanceKey] = set()

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, instances: Iterable[Instance]) -> None:
        """Take in instances that became ready."""
        before = len(self._order)
        for instance in instances:
            key = instance.key
            self._by_key[key] = instance
            if key not in self._placed:
                self._placed.add(key)
                place = (-instance.priority_weight, instance.map_index, instance.id, key)
                self._order.append(place)
        if len(self._order) > before:
            self._order.sort()  # quick, as all but the last few are in order

    def discard(self, key: InstanceKey) -> None:
        """Take out an instance that is ready no more."""
        self._by_key.pop(key, None)

    def first(self, count: int) -> list[Instance]:
        """Return the first `count` that may be queued."""
        self._drop_leading_gaps()
        found: list[Instance] = []
        for place in self._order:
            if len(found) >= count:
                break
            instance = self._by_key.get(place[3])
            if instance is not None and instance.state in SCHEDULABLE:
                found.append(instance)
        return found

    def _drop_leading_gaps(self) -> None:
        gaps = 0
        for place in self._order:
            if place[3] in self._by_key:
                break
            self._placed.discard(place[3])
            gaps += 1
        del self._order[:gaps]

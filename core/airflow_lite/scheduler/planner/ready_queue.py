"""The instances of one run that may be queued, in the order in which they are.

`advance` says which these are, `dispatch` takes the first of them, and `admit` has the last word.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.states import SCHEDULABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_lite.scheduler.planner.instance import Instance, InstanceKey


class _Lane(NamedTuple):
    """Instances that every limit treats alike: where one has to wait, so have all behind it."""

    pool: str
    pool_slots: int
    queue: str  # which of a hybrid executor says the half
    task_id: str | None  # of a task that has a limit or a half of its own


#: (priority, −map index, −row id, key): the last of a lane is the first that `admit` would take.
_Place = tuple[int, int, int, "InstanceKey"]


class Ready:
    """Ready instances, of which those that can be queued are at hand however many there are."""

    __slots__ = ("_lanes", "_of")

    def __init__(self) -> None:
        self._lanes: dict[_Lane, list[_Place]] = {}
        self._of: dict[InstanceKey, tuple[Instance, _Lane, _Place]] = {}

    def __len__(self) -> int:
        return len(self._of)

    @property
    def pools(self) -> set[str]:
        """The pools that they want slots of."""
        return {lane.pool for lane in self._lanes}

    def add(self, instances: Iterable[Instance], limited: Collection[str] = ()) -> None:
        """Take in instances that became ready; `limited` are those of `DagSpec.limited_tasks`."""
        new: dict[_Lane, list[_Place]] = {}
        for instance in instances:
            self.discard(instance.key)
            task_id = instance.task_id if instance.task_id in limited else None
            lane = _Lane(instance.pool, instance.pool_slots, instance.queue, task_id)
            place = (instance.priority_weight, -instance.map_index, -instance.id, instance.key)
            self._of[instance.key] = instance, lane, place
            new.setdefault(lane, []).append(place)
        for lane, places in new.items():
            _merge(self._lanes.setdefault(lane, []), places)

    def discard(self, key: InstanceKey) -> None:
        """Take out an instance that is ready no more."""
        if key not in self._of:
            return
        _, lane, place = self._of.pop(key)
        places = self._lanes[lane]
        del places[bisect_left(places, place)]
        if not places:
            del self._lanes[lane]

    def first(self, most: int, pools: Mapping[str, int]) -> list[Instance]:
        """Return what `admit` has to look at, `pools` having so many slots open.

        Of each lane no more than `most`, and one more than its pool can take: that one shows that
        others must keep off the pool, that there is no such pool, or that it is too small.
        """
        first: list[Instance] = []
        for lane, places in self._lanes.items():
            reach = max(pools.get(lane.pool, 0), 0) // max(lane.pool_slots, 1) + 1
            count = min(most, reach)
            first += [self._of[place[3]][0] for place in places[: -count - 1 : -1]]
        return [instance for instance in first if instance.state in SCHEDULABLE]


def _merge(places: list[_Place], new: list[_Place]) -> None:
    if len(new) * 16 > len(places):
        places += new
        places.sort()
    else:
        for place in new:
            insort(places, place)

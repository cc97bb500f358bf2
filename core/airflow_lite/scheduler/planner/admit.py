"""Decide which ready task instances are queued now, within every limit. Pure.

A task that wants more slots of its pool than are open is not overtaken: what is open is kept for
it, and nobody behind it in the order gets a slot of that pool. Airflow lets the small ones pass,
so that a big one may wait for ever. One that is larger than its whole pool is set aside.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_lite.scheduler.planner.model import Admission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.scheduler.planner.model import Candidate, Limits


def admit(candidates: Iterable[Candidate], limits: Limits) -> Admission:
    """Pick from `candidates` in order of −priority, logical date and map index.

    `limits` is only read. O(n log n) in the candidates; those of a pool that does not exist are
    passed over, and the pool is named.
    """
    ordered = sorted(candidates, key=_place)
    room = _Room(limits)
    unknown = {candidate.instance.pool for candidate in ordered} - limits.pools.keys()
    admission = Admission(unknown_pools=unknown)
    for candidate in ordered:
        if candidate.instance.pool in unknown:
            continue
        if room.outgrows_pool(candidate):
            admission.oversized.append(candidate)
        elif room.take(candidate):
            admission.admitted.append(candidate)
    return admission


def _place(candidate: Candidate) -> tuple[int, int, int, int]:
    instance = candidate.instance
    return -instance.priority_weight, candidate.run.logical_us, instance.map_index, instance.id


class _Room:
    """What is left of the limits as candidates are picked."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.slots = limits.slots
        self.half_slots = dict(limits.half_slots)
        self.pools = dict(limits.pools)
        self.dag = Counter(limits.dag_active)
        self.task = Counter(limits.task_active)
        self.run_task = Counter(limits.run_task_active)

    def outgrows_pool(self, candidate: Candidate) -> bool:
        """Tell whether the candidate could not run were its pool empty."""
        size = self.limits.pool_sizes.get(candidate.instance.pool)
        return size is not None and candidate.instance.pool_slots > size

    def take(self, candidate: Candidate) -> bool:
        """Take what the candidate needs, if all of it is there."""
        half = self._half_of(candidate)
        if self.slots < 1 or self.half_slots.get(half, 1) < 1 or not self._within_dag(candidate):
            return False
        instance, dag = candidate.instance, candidate.dag
        slots_left = self.pools[instance.pool] - instance.pool_slots
        if slots_left < 0:
            self._keep_pool_for(candidate)
            return False
        self.pools[instance.pool] = slots_left
        self.slots -= 1
        if half in self.half_slots:
            self.half_slots[half] -= 1
        self.dag[dag.dag_id] += 1
        self.task[dag.dag_id, instance.task_id] += 1
        self.run_task[candidate.run.id, instance.task_id] += 1
        return True

    def _half_of(self, candidate: Candidate) -> str:
        routes, task = self.limits.routes, candidate.dag.tasks.get(candidate.instance.task_id)
        if routes is None or task is None:
            return ""
        return routes.half_of(candidate.instance.queue, task.executor)

    def _within_dag(self, candidate: Candidate) -> bool:
        dag, task_id = candidate.dag, candidate.instance.task_id
        task = dag.tasks.get(task_id)
        if task is None or self.dag[dag.dag_id] >= dag.max_active_tasks:
            return False
        per_dag, per_run = task.max_active_tis_per_dag, task.max_active_tis_per_dagrun
        if per_dag is not None and self.task[dag.dag_id, task_id] >= per_dag:
            return False
        return per_run is None or self.run_task[candidate.run.id, task_id] < per_run

    def _keep_pool_for(self, candidate: Candidate) -> None:
        pool = candidate.instance.pool
        if pool in self.limits.pool_sizes:
            self.pools[pool] = 0

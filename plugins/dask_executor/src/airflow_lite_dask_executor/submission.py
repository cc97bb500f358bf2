"""Attempts on the cluster, and the lanes that they were handed over in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.executors import TaskInstanceKey
    from airflow_lite_dask_executor.placement import Placement


@dataclass(eq=False)
class Submission:
    """An attempt that Dask has in `lane`, or is about to get; it came back `returns` times."""

    key: TaskInstanceKey
    command: list[str]
    placement: Placement
    since: float
    lane: Lane | None = None
    is_alone: bool = False
    returns: int = 0

    @property
    def token(self) -> str:
        """Its token."""
        return self.key.attempt


@dataclass(eq=False)
class Lane:
    """Attempts that are one Dask task, of which a worker's host runs one after the other."""

    tokens: tuple[str, ...]
    since: float
    future: Any = None
    workers: list[str] | None = None  # the addresses that may have it; None: any

    @property
    def name(self) -> str:
        """The Dask task's key: the token, or the first and the number of the others."""
        first, *others = self.tokens
        return f"{first}+{len(others)}" if others else first


def lanes_of(group: list[Submission], size: int, now: float) -> list[Lane]:
    """Put attempts into lanes of at most `size`; those that came back are in one of their own."""
    alone = [[submission] for submission in group if submission.is_alone]
    rest = [submission for submission in group if not submission.is_alone]
    chunks = alone + [rest[at : at + size] for at in range(0, len(rest), size)]
    lanes = []
    for chunk in chunks:
        lane = Lane(tuple(submission.token for submission in chunk), now)
        for submission in chunk:
            submission.lane = lane
        lanes.append(lane)
    return lanes


def lane_size(depth: int, waiting: int, threads: int, lanes: int) -> int:
    """Return how many of the `waiting` go into one lane, beside the `lanes` there are.

    Threads that are free get an even share each, of no more than `depth`.
    """
    free = max(threads - lanes, 1)
    return min(depth, -(-waiting // free))

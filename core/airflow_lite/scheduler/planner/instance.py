"""Task instances as the planner sees them, and the facts that it is handed with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_lite.states import TaskInstanceState

#: What names a task instance inside its run: (task id, map index).
InstanceKey = tuple[str, int]


@dataclass(slots=True)
class Instance:
    """A task instance in memory: the columns of its row that decisions need."""

    id: int
    task_id: str
    map_index: int = -1
    state: TaskInstanceState | None = None
    try_number: int = 0
    max_tries: int = 0
    attempt: str | None = None
    supervisor: str | None = None
    next_at_us: int | None = None
    try_started_us: int | None = None
    queued_us: int | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    queue: str = "default"
    priority_weight: int = 1
    stuck_count: int = 0
    map_length: int | None = None  # of its result, for tasks that are mapped over it
    skip_decision: dict[str, list[str]] | None = None  # {"followed": […]} or {"skipped": […]}
    change_cause: str | None = None  # of the state it was read in: to be told, not to decide by

    @property
    def key(self) -> InstanceKey:
        """What names the instance inside its run."""
        return self.task_id, self.map_index


class Past(NamedTuple):
    """What `depends_on_past` and `wait_for_downstream` ask of the run before.

    `state` is that of the same task there, `downstream_done` whether its direct downstream tasks
    are all in success or skipped.
    """

    state: TaskInstanceState | None
    downstream_done: bool = True


@dataclass(frozen=True)
class Facts:
    """What `advance` must know beyond the run itself.

    `past` maps a task id to its state in the previous run of the DAG; None: there is no previous
    run. Only tasks with `depends_on_past` or `wait_for_downstream` are looked up.
    """

    past: dict[str, Past] | None = None

"""A task instance as an executor sees it: plain data, no database behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_lite.keys import TaskInstanceKey


@dataclass(frozen=True)
class TaskInstance:
    """One attempt's task instance, with what an executor may need to run or find it."""

    dag_id: str
    task_id: str
    run_id: str
    #: The number of the try, from 1.
    try_number: int = 1
    #: Index of a mapped task; -1 for one that is not mapped.
    map_index: int = -1
    #: The token of this dispatch: another one is another attempt.
    attempt: str = ""
    #: The state that the row had when this was made.
    state: str | None = None
    #: Where it is to run; what that means, the executor says.
    queue: str = "default"
    pool: str = "default_pool"
    pool_slots: int = 1
    #: Higher goes first.
    priority_weight: int = 1
    #: What the task's author asks of the executor.
    executor_config: dict[str, Any] = field(default_factory=dict, hash=False)
    #: The id at the engine, as `queued` or `running_state` reported it.
    external_executor_id: str | None = None
    #: The machine that claimed it, once one has.
    hostname: str | None = None
    #: When it was queued, in microseconds since 1970.
    queued_us: int | None = None
    #: Of its DAG, pickled in the store; None: it is run from its file.
    pickle_id: int | None = None
    #: The executor that it is queued for, which of a hybrid is one of its halves.
    executor: str | None = None

    @property
    def key(self) -> TaskInstanceKey:
        """The key that names this attempt."""
        return TaskInstanceKey(
            self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index, self.attempt
        )


#: What an executor is told of a row as it stands there.
_COLUMNS = (
    *("state", "try_number", "queue", "pool"),
    *("pool_slots", "priority_weight", "queued_us"),
)


def task_instance(
    names: tuple[str, str, str, int],
    row: Any,
    executor_config: dict[str, Any] | None = None,
    *,
    external_executor_id: str | None = None,
    hostname: str | None = None,
    pickle_id: int | None = None,
    executor: str | None = None,
) -> TaskInstance:
    """Return a row as executors see it: anything with the columns that they are told of.

    `names` are those of the DAG, task, run and map index. It is done here alone, so that no
    method of an executor is told less than another.
    """
    dag_id, task_id, run_id, map_index = names
    return TaskInstance(
        dag_id=dag_id,
        task_id=task_id,
        run_id=run_id,
        map_index=map_index,
        attempt=row.attempt or "",
        executor_config=executor_config or {},
        external_executor_id=external_executor_id,
        hostname=hostname,
        pickle_id=pickle_id,
        executor=executor,
        **{name: getattr(row, name) for name in _COLUMNS},
    )

"""What an executor reports to the scheduler: events, reasons beside them, failed calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey


class Refused(NamedTuple):
    """`info` of a FAILED event: the attempt can never run as it was asked to; its try ends.

    The task instance gets `state`; None: what a failed try leads to, retries included.
    """

    reason: str
    state: str | None = None

    def __str__(self) -> str:
        return self.reason


class Requeue(NamedTuple):
    """`info` of a FAILED event: the attempt was not started; try again, counted."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class Lost(NamedTuple):
    """`info` of a FAILED event: what ran the attempt has ended, for this reason.

    If its row says that it runs, its try ends as lost: at once where `is_proven`, which says that
    its processes are surely dead, else when its beats have stopped. One that was never claimed is
    tried again, as after any other failure.
    """

    reason: str
    is_proven: bool = False

    def __str__(self) -> str:
        return self.reason


class TaskEventLog(NamedTuple):
    """A line for the history of one task instance, from `BaseExecutor.log_task_event`."""

    event: str
    key: TaskInstanceKey
    extra: str


class Event(NamedTuple):
    """The executor reports that an attempt is queued at its engine, runs, or has ended.

    Never carries the outcome: for that the row is read. `info` of QUEUED and RUNNING is the
    attempt's id at the engine, or None; of FAILED a `Refused`, a `Requeue`, a `Lost`, or the
    executor's own.
    """

    key: TaskInstanceKey
    state: str | None
    info: Any = None


class Adopted(NamedTuple):
    """The answer to `adopt`: `adopted` keep their tokens, `returned` need new ones."""

    adopted: list[TaskInstanceKey]
    returned: list[TaskInstanceKey]


class Revoked(NamedTuple):
    """The executor has let go of this attempt."""

    key: TaskInstanceKey


class Failure(NamedTuple):
    """A call of the executor raised; `method` is its name. It goes on, except `start`."""

    method: str
    error: BaseException


class CallbackRequest(NamedTuple):
    """What an executor may send by `send_callback`: a task's callback is to be called.

    `callback` is "on_failure", "on_retry", "on_success", "on_execute" or "on_skipped"; it gets
    `reason`.
    """

    key: TaskInstanceKey
    callback: str
    reason: str


Report = Event | Adopted | Revoked | Failure | TaskEventLog | CallbackRequest
#: An event in one of these leaves the attempt with the executor; its info is the id there.
UNENDED = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})

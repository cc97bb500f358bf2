"""How an executor reports what becomes of attempts, from whatever thread learns of it."""
# ruff: noqa: FBT001, FBT002 - the signatures are Airflow's

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.events import UNENDED, TaskEventLog
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EventBufferValueType = tuple["str | None", Any]

logger = logging.getLogger(__name__)

#: What an executor says of an attempt, which is not the task's state: a failed task is a success
#: of the executor's if its row says so.
_MEANINGS: dict[str | None, str] = {
    TaskInstanceState.SUCCESS: "has ended; its row says how",
    TaskInstanceState.FAILED: "has ended, and perhaps no row says so",
    TaskInstanceState.QUEUED: "is queued",
    TaskInstanceState.RUNNING: "runs",
}


class EventBuffer:
    """The half of `BaseExecutor` that keeps what runs, and the events that nobody took yet."""

    def __init__(self) -> None:
        #: The attempts that are with the engine, from just before `execute_async` until their end
        #: is reported. Yours to read on the executor's thread; `success` and `fail` take keys out.
        self.running: set[TaskInstanceKey] = set()
        #: The newest event of each attempt, (state, info), that the scheduler has not taken yet.
        #: Do not write it: call `success`, `fail`, `queued` or `running_state`.
        self.event_buffer: dict[TaskInstanceKey, EventBufferValueType] = {}
        #: Ids at the engine that nobody took yet; see `take_external_ids`.
        self.external_ids: dict[TaskInstanceKey, str] = {}
        self._task_event_logs: deque[TaskEventLog] = deque()
        self._owner_thread = threading.get_ident()
        self._wake: Callable[[], None] = _nobody
        self._foreign: deque[tuple[TaskInstanceKey, str | None, Any, bool]] = deque()
        self._news = threading.Event()

    def bind(self, wake: Callable[[], None]) -> None:
        """Make the calling thread the executor's own; `wake` is called when another reports."""
        self._owner_thread = threading.get_ident()
        self._wake = wake

    def change_state(
        self,
        key: TaskInstanceKey,
        state: str | None,
        info: Any = None,
        remove_running: bool = True,
    ) -> None:
        """Note that an attempt is in `state`. On a foreign thread: pass it on and wake."""
        if threading.get_ident() == self._owner_thread:
            self._absorb()
            self._apply(key, state, info, remove_running)
            return
        self._foreign.append((key, state, info, remove_running))
        self._news.set()
        self._wake()

    def _apply(
        self, key: TaskInstanceKey, state: str | None, info: Any, remove_running: bool
    ) -> None:
        logger.debug("%s: attempt %s %s", self, key, _MEANINGS.get(state, f"is {state}"))
        if remove_running:
            self.running.discard(key)
        if info is not None and state in UNENDED:
            self.external_ids[key] = str(info)
        self.event_buffer.pop(key, None)  # so that the buffer keeps the order of events
        self.event_buffer[key] = (state, info)

    def _absorb(self) -> None:
        while self._foreign:
            self._apply(*self._foreign.popleft())

    def fail(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Report that an attempt ended badly: its outcome may not be recorded."""
        self.change_state(key, TaskInstanceState.FAILED, info)

    def success(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Report that an attempt ended well: its outcome is recorded."""
        self.change_state(key, TaskInstanceState.SUCCESS, info)

    def queued(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Report that the engine has the attempt; `info` is its id there. It keeps its slot."""
        self.change_state(key, TaskInstanceState.QUEUED, info, remove_running=False)

    def running_state(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Report that the attempt runs; `info` is its id at the engine."""
        self.change_state(key, TaskInstanceState.RUNNING, info, remove_running=False)

    def get_event_buffer(
        self, dag_ids: Iterable[str] | None = None
    ) -> dict[TaskInstanceKey, EventBufferValueType]:
        """Take the latest event of each attempt, in order; only those of `dag_ids` if given."""
        self._absorb()
        if dag_ids is None:
            taken, self.event_buffer = self.event_buffer, {}
            return taken
        ids = set(dag_ids)
        keys = [key for key in self.event_buffer if key.dag_id in ids]
        return {key: self.event_buffer.pop(key) for key in keys}

    def take_external_ids(self) -> dict[TaskInstanceKey, str]:
        """Take the ids at the engine that were reported since; a later event cannot hide them."""
        taken, self.external_ids = self.external_ids, {}
        return taken

    def take_task_event_logs(self) -> list[TaskEventLog]:
        """Take the lines that `log_task_event` noted."""
        taken = list(self._task_event_logs)
        self._task_event_logs.clear()
        return taken

    def log_task_event(self, *, event: str, extra: str, ti_key: TaskInstanceKey) -> None:
        """Note a line for the history of one task instance."""
        self._task_event_logs.append(TaskEventLog(event, ti_key, extra))


def _nobody() -> None:
    """Wake nobody: the executor has no thread of its own yet."""

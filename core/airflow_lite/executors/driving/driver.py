"""Calls of an executor that cannot hurt the caller, and the reports that they give."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.api.executor import metrics
from airflow_lite.api.executor.events import (
    UNENDED,
    Adopted,
    CallbackRequest,
    Event,
    Failure,
    Refused,
    Report,
    Requeue,
    Revoked,
)
from airflow_lite.errors import AttemptRefused, UserError
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.api.executor.task_instance import TaskInstance

logger = logging.getLogger(__name__)

#: How long `terminate` waits, in seconds, for the executor's own `terminate`.
TERMINATE_S = 5.0
#: So many distinct failures are remembered, so that each is logged and reported once.
_MOST_FAILURES = 200


class Load(NamedTuple):
    """How much an executor has to do, as its gauges told last."""

    open_slots: int
    queued_tasks: int
    running_tasks: int


_LOAD = (metrics.OPEN_SLOTS, metrics.QUEUED_TASKS, metrics.RUNNING_TASKS)


class QueueItem(NamedTuple):
    """One attempt to be queued, with its run command."""

    task_instance: TaskInstance
    command: list[str]
    priority: int = 1
    queue: str | None = None


class Gauges:
    """The metric sink of an executor that is driven: it keeps what each gauge told last.

    Told on the executor's thread, read on any. `author_sink` is told as well.
    """

    def __init__(self, author_sink: metrics.MetricSink) -> None:
        self._author_sink = author_sink
        self._values: dict[str, float] = {}

    def gauge(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Keep the value that `name` has now."""
        self._values[name] = value
        self._author_sink.gauge(name, value, tags)

    def latest(self) -> Load:
        """Return the values of the gauges that every executor has; 0 for one that told nothing."""
        values = (self._values.get(name, 0) for name in _LOAD)
        return Load(*map(int, values))


class ReportingSink:
    """The callback sink of an executor that is driven: what is sent becomes a report."""

    def __init__(self, reports: deque[Report], wake: Callable[[], None]) -> None:
        self._reports = reports
        self._wake = wake

    def send(self, request: CallbackRequest) -> None:
        """Pass a request on, from whatever thread; raise `TypeError` if it is none."""
        if not isinstance(request, CallbackRequest):
            raise TypeError(
                f"{request!r:.200} is no callback request. Send an "
                "airflow_lite.executors.CallbackRequest."
            )
        self._reports.append(request)
        self._wake()


class Driver:
    """Calls one executor, on whatever thread it is called on itself.

    `catches` is what of the executor's exceptions ends up in a report. Reports are taken with
    `drain`, from any thread; `wake` is called when one came from elsewhere than a call.
    """

    def __init__(
        self,
        executor: BaseExecutor,
        wake: Callable[[], None],
        catches: tuple[type[BaseException], ...] = (Exception,),
    ) -> None:
        self.reports: deque[Report] = deque()
        self.started = False
        self._wake = wake
        self._catches = catches
        self._failures: set[tuple[str, str]] = set()
        self.take(executor)

    def take(self, executor: BaseExecutor) -> None:
        """Call this executor from now on."""
        self.executor = executor
        self.gauges = executor.metrics = Gauges(executor.metrics)
        if executor.callback_sink is None:
            executor.callback_sink = ReportingSink(self.reports, self._wake)

    def call(self, what: str, function: Callable[[], object]) -> bool:
        """Call `function`; return whether it went well. If not, its failure is a report."""
        try:
            function()
        except self._catches as error:
            self._failed(what, error)
            return False
        return True

    def _failed(self, what: str, error: BaseException) -> None:
        failure = (what, f"{type(error).__name__}: {error}")
        if failure in self._failures:
            return
        if len(self._failures) < _MOST_FAILURES:
            self._failures.add(failure)
        is_mistake = isinstance(error, UserError)  # of the user's, which the message tells whole
        trace = None if is_mistake else error
        logger.error("%s: %s failed: %s", self._name, what, failure[1], exc_info=trace)
        self.reports.append(Failure(what, error))

    @property
    def _name(self) -> str:
        return self.executor.name or type(self.executor).__name__

    def start(self) -> None:
        """Start the executor; what is queued before it has started, or if it failed, comes back."""
        self.started = self.call("start", self.executor.start)
        if self.started:
            self._tell_gauges()

    def queue(self, items: Sequence[QueueItem]) -> None:
        """Queue each item; one that the executor does not take has a FAILED event."""
        for item in items:
            info = self._queue_one(item)
            if info is not None:
                key = item.task_instance.key
                self.reports.append(Event(key, TaskInstanceState.FAILED, info))

    def _queue_one(self, item: QueueItem) -> Refused | Requeue | None:
        if not self.started:
            return Requeue(f"{self._name} did not start")
        try:
            self.executor.queue_command(*item)
        except AttemptRefused as error:
            return Refused(str(error))
        except self._catches as error:
            self._failed("queue_command", error)
            return Requeue(f"queue_command raised {type(error).__name__}: {error}")
        return None

    def beat(self) -> None:
        """Let the executor trigger and sync, and take what it has to tell."""
        if self.started:
            self.call("heartbeat", self.executor.heartbeat)
            if not self.is_busy():
                self._tell_gauges()  # a heartbeat tells what was before it; there may be no other
        self.collect()

    def _tell_gauges(self) -> None:
        self.call("metrics", self.executor._emit_metrics)  # noqa: SLF001

    def adopt(self, instances: Sequence[TaskInstance]) -> None:
        """Offer a dead scheduler's attempts; those the executor cannot take are `returned`."""
        returned = {instance.key for instance in instances}

        def offer() -> None:
            not_adopted = self.executor.try_adopt_task_instances(list(instances))
            returned.intersection_update([instance.key for instance in not_adopted])

        if self.started:
            self.call("try_adopt_task_instances", offer)
        keys = [instance.key for instance in instances]
        self.reports.append(
            Adopted(
                [key for key in keys if key not in returned],
                [key for key in keys if key in returned],
            )
        )

    def revoke(self, instance: TaskInstance) -> None:
        """Take an attempt back; it holds no slot afterwards, whatever the executor does."""
        self.call("revoke_task", lambda: self.executor.revoke_task(ti=instance))
        self.call("revoke_task", lambda: self.executor._forget(instance.key))  # noqa: SLF001
        self.reports.append(Revoked(instance.key))

    def end(self) -> None:
        """Let the executor wait for what runs, and take what it has to tell."""
        self.call("end", self.executor.end)
        self.collect()

    def collect(self) -> None:
        """Take the events and lines that the executor holds."""
        self.call("get_event_buffer", self._collect_events)
        self.call(
            "take_task_event_logs",
            lambda: self.reports.extend(self.executor.take_task_event_logs()),
        )

    def _collect_events(self) -> None:
        events = self.executor.get_event_buffer()
        for key, external_id in self.executor.take_external_ids().items():
            if events.get(key, (None, None))[0] not in UNENDED:
                self.reports.append(Event(key, TaskInstanceState.QUEUED, external_id))
        for key, (state, info) in events.items():
            self.reports.append(Event(key, state, info))

    def slots_available(self) -> int:
        """Return the executor's own count; 0 if it cannot tell."""
        slots = [0]

        def count() -> None:
            slots[0] = self.executor.slots_available

        self.call("slots_available", count)
        return slots[0]

    def half_slots(self) -> dict[str, int]:
        """Return the executor's own count for each half, if it has any; {} if it cannot tell."""
        slots: dict[str, int] = {}
        self.call("half_slots", lambda: slots.update(self.executor.half_slots()))
        return slots

    def is_busy(self) -> bool:
        """Return whether anything is queued or runs, so that heartbeats are needed."""
        busy = [False]

        def count() -> None:
            busy[0] = self.executor.slots_occupied > 0

        self.call("slots_occupied", count)
        return busy[0]

    def drain(self) -> list[Report]:
        """Take every report there is, in order."""
        return [self.reports.popleft() for _ in range(len(self.reports))]

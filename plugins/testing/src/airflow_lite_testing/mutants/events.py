"""Wrong in what it reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite_testing.mutants.base import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.api.executor.event_buffer import EventBufferValueType
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.keys import TaskInstanceKey


class AlwaysSuccess(Mutant):
    """Tells a success however the command ended."""

    caught_by = "basic.events.success-only-where-it-ended-with-0"

    def fail(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a success."""
        self.success(key)


class NeverSuccess(Mutant):
    """Tells a failure however the command ended."""

    caught_by = "basic.events.success-where-it-ended-with-0"

    def success(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a failure."""
        self.fail(key)


class TellsAgain(Mutant):
    """Tells each end again with the next heartbeat."""

    caught_by = "basic.events.one-end-of-each"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reported: list[TaskInstanceKey] = []

    def sync(self) -> None:
        """Tell the ends, and those of the last time."""
        keys, self.reported = self.reported, []
        super().sync()
        for key in keys:
            super().success(key)

    def success(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a success, and keep it."""
        super().success(key, info)
        self.reported.append(key)


class KeyWithoutAttempt(Mutant):
    """Tells events of a key that lost its attempt."""

    caught_by = "basic.events.key-with-its-attempt"

    def success(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a success of the try."""
        self.running.discard(key)
        super().success(key._replace(attempt=""), info)


class SuccessOnSubmit(Mutant):
    """Tells a success as soon as the process has started."""

    caught_by = "basic.events.no-end-before-the-end"

    def running_state(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a success."""
        self.success(key)


class NeverLetsGo(Mutant):
    """Still holds what has ended."""

    caught_by = "basic.events.held-from-queue-to-end"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: set[TaskInstanceKey] = set()

    def has_task(self, task_instance: TaskInstance) -> bool:
        """Return whether it was ever seen here."""
        held = super().has_task(task_instance) or task_instance.key in self.seen
        if held:
            self.seen.add(task_instance.key)
        return held


class EventsForEver(Mutant):
    """Hands out the same events each time."""

    caught_by = "basic.events.taken-once"

    def get_event_buffer(
        self, dag_ids: Iterable[str] | None = None
    ) -> dict[TaskInstanceKey, EventBufferValueType]:
        """Return the events, and keep them."""
        self._absorb()
        return dict(self.event_buffer)


class ThreadsWriteAtOnce(Mutant):
    """Lets every thread write its events by itself, and wakes nobody."""

    caught_by = "basic.events.from-any-thread"

    def change_state(
        self,
        key: TaskInstanceKey,
        state: str | None,
        info: Any = None,
        remove_running: bool = True,  # noqa: FBT001, FBT002 - the contract's signature
    ) -> None:
        """Write the event."""
        self._apply(key, state, info, remove_running)

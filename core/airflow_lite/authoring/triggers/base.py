"""What a deferred task waits for, and what it is told once that has come."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_lite.errors import AirflowException
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from datetime import timedelta


class TriggerEvent:
    """What a trigger found: the method that a task goes on with gets `payload` as `event`."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriggerEvent) and bool(other.payload == self.payload)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TriggerEvent<{self.payload!r}>"


class BaseTaskEndEvent(TriggerEvent):
    """One that ends the task as it is, with these XComs; no process of it is started."""

    task_instance_state: ClassVar[TaskInstanceState]

    def __init__(self, *, xcoms: dict[str, Any] | None = None) -> None:
        super().__init__(self.task_instance_state)
        self.xcoms = xcoms


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task ends well."""

    task_instance_state = TaskInstanceState.SUCCESS


class TaskFailedEvent(BaseTaskEndEvent):
    """The task fails, without a further try."""

    task_instance_state = TaskInstanceState.FAILED


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    task_instance_state = TaskInstanceState.SKIPPED


class BaseTrigger(ABC):
    """What a deferred task waits for, run beside many others in one process by asyncio.

    It is made twice: by the task, and from what `serialize` returns where it is run. There it may
    be made again at any time, as after the death of that process.
    """

    def __init__(self, **_kwargs: Any) -> None:
        #: Where it is run: the task instance that waits, with the names that its keys have.
        self.task_instance: Any = None
        self.trigger_id: int | None = None

    @property
    def log(self) -> logging.Logger:
        """The logger of this trigger."""
        return logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")

    @abstractmethod
    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class, such as `my_module.MyTrigger`, and its arguments.

        The values are what XComs may be.
        """

    @abstractmethod
    def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait without blocking, and yield one event. An `async def` with `yield`."""

    async def cleanup(self) -> None:  # noqa: B027 - it may be left as it is
        """Let go of what `run` holds: called when it has ended or is not needed any more.

        What it raises is ignored.
        """

    def __repr__(self) -> str:
        path, arguments = self.serialize()
        shown = " ".join(f"{name}={value}" for name, value in arguments.items())
        return f"<{path} {shown}>"


@dataclass
class StartTriggerArgs:
    """What a task with `start_from_trigger` waits for before any of its methods is called.

    `trigger_cls` is the path of the trigger's class; after it `next_method` is called.
    """

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None


async def first_event(trigger: BaseTrigger) -> TriggerEvent:
    """Run a trigger to its first event; raise `AirflowException` if there is none."""
    events = trigger.run()
    if not hasattr(events, "__aiter__"):
        close: Any = getattr(events, "close", None)
        if close is not None:
            close()
        raise AirflowException(
            f"run() of {type(trigger).__name__} yields no events. Write `async def run(self)` with"
            " `yield TriggerEvent(…)`."
        )
    async for event in events:
        if not isinstance(event, TriggerEvent):
            kind = type(event).__name__
            raise AirflowException(f"The trigger yielded a {kind}. Yield a TriggerEvent.")
        return event
    raise AirflowException("The trigger ended without an event. Yield a TriggerEvent.")

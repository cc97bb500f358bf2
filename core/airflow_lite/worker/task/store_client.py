"""What a running task may ask of the store, whichever process it runs in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from airflow_lite.worker.messages import (
    FinishedTasks,
    FirstReschedule,
    GivenState,
    PreviousRun,
    PullXComs,
    PushXCom,
    SaveRendered,
    TaskInstances,
)

if TYPE_CHECKING:
    from airflow_lite.worker.messages import Question
    from airflow_lite.worker.task.line import Line

#: One XCom that was found: task id, map index, key, value as JSON text.
XComRow = tuple[str, int, str, str]


class StoreClient(ABC):
    """How the code of one attempt reaches the store. Values are JSON texts."""

    @abstractmethod
    def push(self, key: str, value: str) -> None:
        """Write an XCom of this task instance."""

    @abstractmethod
    def rendered(self, fields: str) -> None:
        """Save the rendered fields."""

    @abstractmethod
    def ask(self, question: Question) -> Any:
        """Return the store's answer: see `worker.host.questions`."""

    def pull(self, query: PullXComs) -> list[XComRow]:
        """Return the XComs that are asked for."""
        return [tuple(row) for row in self.ask(query)]

    def previous_run(self, state: str | None, *, of_schedule: bool) -> dict[str, Any] | None:
        """Return the newest run before this one, in `state` if one is given, or of the schedule."""
        run: dict[str, Any] | None = self.ask(PreviousRun(state, of_schedule))
        return run

    def finished_tasks(self) -> list[dict[str, Any]]:
        """Return the tasks of this run that the store says ended, in the order of their ends."""
        tasks: list[dict[str, Any]] = self.ask(FinishedTasks())
        return tasks

    def task_instances(self, run_row_id: int) -> list[dict[str, Any]]:
        """Return the rows of a run: see `store.lookup.task_instances`."""
        rows: list[dict[str, Any]] = self.ask(TaskInstances(run_row_id))
        return rows

    def first_reschedule(self, try_number: int) -> int | None:
        """Return when a try first started that was rescheduled, in microseconds, or None."""
        moment_us: int | None = self.ask(FirstReschedule(try_number))
        return moment_us

    def given_state(self) -> str | None:
        """Return what somebody made of the row meanwhile; None if it is still this attempt's."""
        state: str | None = self.ask(GivenState())
        return state


class HostStoreClient(StoreClient):
    """Over the line to the task host."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def push(self, key: str, value: str) -> None:
        """Send an XCom; the host writes it before it answers any later question."""
        self._line.send(PushXCom(key, value))

    def rendered(self, fields: str) -> None:
        """Send the rendered fields."""
        self._line.send(SaveRendered(fields))

    def ask(self, question: Question) -> Any:
        """Ask the host."""
        return self._line.ask(question)

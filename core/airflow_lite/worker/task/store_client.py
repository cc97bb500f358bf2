"""What a running task may ask of the store, whichever process it runs in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from airflow_lite.worker.dag_questions import (
    DatasetEventPage,
    MappedCount,
    MappedPage,
    TriggeringEvents,
    TriggerRun,
)
from airflow_lite.worker.messages import (
    FinishedTasks,
    FirstReschedule,
    GivenState,
    InstanceCount,
    PreviousRun,
    PullXComs,
    PushXCom,
    SaveRendered,
    StatesOfDag,
    TaskInstances,
)

if TYPE_CHECKING:
    from airflow_lite.worker.messages import Question
    from airflow_lite.worker.task.line import Line

#: One XCom that was found: task id, map index, key, value as JSON text, row of the run.
XComRow = tuple[str, int, str, str, int]


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

    def mapped_count(self, of: MappedCount) -> int:
        """Return how many values there are."""
        count: int = self.ask(of)
        return count

    def mapped_page(self, page: MappedPage) -> tuple[list[str], bool]:
        """Return values, and whether there are none after them: see `store.xcoms.mapped_page`."""
        texts, is_last = self.ask(page)
        return texts, is_last

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

    def instance_count(self) -> int:
        """Return how many instances this task has in its run."""
        count: int = self.ask(InstanceCount())
        return count

    def states_of_dag(self, query: StatesOfDag) -> list[tuple[int, str, str | None]]:
        """Return logical dates, task ids and states: see `store.lookup.states_of_dag`."""
        return [tuple(row) for row in self.ask(query)]

    def trigger_run(self, wanted: TriggerRun) -> dict[str, Any]:
        """Make a run of a DAG, and return which: see `store.triggering.trigger_by_task`."""
        run: dict[str, Any] = self.ask(wanted)
        return run

    def dataset_events(self, page: DatasetEventPage) -> tuple[int, list[dict[str, Any]]]:
        """Return how many events there are, and those of a page: see `store.dataset_reads.page`."""
        count, events = self.ask(page)
        return count, events

    def triggering_events(self) -> list[dict[str, Any]]:
        """Return the events that the run was made for."""
        events: list[dict[str, Any]] = self.ask(TriggeringEvents())
        return events

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

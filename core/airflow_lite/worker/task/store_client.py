"""What a running task may ask of the store, whichever process it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow_lite.processes.channel import Line

#: One XCom that was found: task id, map index, key, value as JSON text.
Found = tuple[str, int, str, str]


class TaskApi(Protocol):
    """How the code of one attempt reaches the store. Values are JSON texts."""

    def push(self, key: str, value: str) -> None:
        """Write an XCom of this task instance."""

    def pull(self, query: dict[str, Any]) -> list[Found]:
        """Return the XComs that `store.xcoms.XComQuery(**query)` asks for."""

    def previous_run(self, state: str | None) -> dict[str, Any] | None:
        """Return the newest run before this one, in `state` if one is given."""

    def rendered(self, fields: str) -> None:
        """Save the rendered fields."""

    def finished_tasks(self) -> list[dict[str, Any]]:
        """Return what is known of tasks of this run that ended, in the order of their ends."""

    def task_instances(self, run_row_id: int) -> list[dict[str, Any]]:
        """Return the rows of a run: see `store.lookup.task_instances`."""

    def first_reschedule(self, try_number: int) -> int | None:
        """Return when a try first started that was rescheduled, in microseconds, or None."""

    def given_state(self) -> str | None:
        """Return what somebody made of the row meanwhile; None if it is still this attempt's."""


class LineApi:
    """Over the line to the task host."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def push(self, key: str, value: str) -> None:
        """Send an XCom; the host writes it before it answers any later request."""
        self._line.send({"push": [key, value]})

    def pull(self, query: dict[str, Any]) -> list[Found]:
        """Ask the host for XComs."""
        return [tuple(row) for row in self._line.ask({"pull": query})]

    def previous_run(self, state: str | None) -> dict[str, Any] | None:
        """Ask the host for an earlier run."""
        found: dict[str, Any] | None = self._line.ask({"previous_run": state})
        return found

    def rendered(self, fields: str) -> None:
        """Send the rendered fields."""
        self._line.send({"rendered": fields})

    def finished_tasks(self) -> list[dict[str, Any]]:
        """Ask the host for the rows of the run."""
        found: list[dict[str, Any]] = self._line.ask({"finished_tasks": None})
        return found

    def task_instances(self, run_row_id: int) -> list[dict[str, Any]]:
        """Ask the host for the rows of a run."""
        found: list[dict[str, Any]] = self._line.ask({"task_instances": run_row_id})
        return found

    def first_reschedule(self, try_number: int) -> int | None:
        """Ask the host for the start of an earlier try."""
        found: int | None = self._line.ask({"first_reschedule": try_number})
        return found

    def given_state(self) -> str | None:
        """Ask the host for the row."""
        found: str | None = self._line.ask({"given_state": None})
        return found

"""What a task may ask of the store, answered: by the host, and beside code that runs in-process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import DataError, InterfaceError, ProgrammingError

from airflow_lite.store import attempts as rows
from airflow_lite.store import lookup, xcoms
from airflow_lite.worker.messages import (
    QUESTIONS,
    Answer,
    FinishedTasks,
    FirstReschedule,
    GivenState,
    PreviousRun,
    PullXComs,
    TaskInstances,
    send,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

    from airflow_lite.processes.channel import Channel
    from airflow_lite.store.engine import Store
    from airflow_lite.store.lookup import StoredRun
    from airflow_lite.worker.host.attempt import Attempt
    from airflow_lite.worker.messages import Ask, Question


class Asker(NamedTuple):
    """Whose code asks: the row of its task instance, its DAG run, and its attempt's token."""

    row_id: int
    run: StoredRun
    token: str = ""


def answer(connection: sa.Connection, asker: Asker, question: Question) -> Any:
    """Return what the store says, as what JSON can hold; raises what the database raises."""
    return _ANSWERS[type(question)](connection, asker, question)


def _xcoms(connection: sa.Connection, _asker: Asker, query: PullXComs) -> Any:
    return xcoms.get(connection, xcoms.XComQuery(*query))


def _previous_run(connection: sa.Connection, asker: Asker, question: PreviousRun) -> Any:
    run = asker.run
    wanted, of_schedule = question
    before = lookup.previous_run(
        connection, run.dag_id, run.logical_us, wanted, of_schedule=of_schedule
    )
    return None if before is None else before.fields()


def _finished_tasks(connection: sa.Connection, asker: Asker, _question: FinishedTasks) -> Any:
    return lookup.finished_tasks(connection, asker.run.id)


def _task_instances(connection: sa.Connection, _asker: Asker, question: TaskInstances) -> Any:
    return lookup.task_instances(connection, question.run_row_id)


def _first_reschedule(connection: sa.Connection, asker: Asker, question: FirstReschedule) -> Any:
    return lookup.first_reschedule(connection, asker.row_id, question.try_number)


def _given_state(connection: sa.Connection, asker: Asker, _question: GivenState) -> Any:
    return given_state(rows.watch(connection, [asker.row_id]), asker.token)


def given_state(watched: Sequence[rows.Watched], token: str) -> str | None:
    """Return what others made of the row of an attempt that runs; None if it is as it should be."""
    if not watched:
        return "deleted"
    (row,) = watched
    return None if (row.attempt, row.state) == (token, "running") else str(row.state)


_ANSWERS: dict[type, Callable[[sa.Connection, Asker, Any], Any]] = {
    PullXComs: _xcoms,
    PreviousRun: _previous_run,
    FinishedTasks: _finished_tasks,
    TaskInstances: _task_instances,
    FirstReschedule: _first_reschedule,
    GivenState: _given_state,
}


class Questions:
    """What the tasks of a host have asked, in order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Attempt, Ask]] = deque()

    def add(self, attempt: Attempt, ask: Ask) -> None:
        """Take a question of an attempt's task."""
        self._waiting.append((attempt, ask))

    def answer(self) -> None:
        """Answer them all; those that are left when the database fails are answered next time."""
        if not self._waiting:
            return
        with self._store.read() as connection:
            while self._waiting:
                attempt, ask = self._waiting[0]
                if attempt.line is not None:  # who asked still listens
                    asker = Asker(attempt.queued.id, attempt.queued.run, attempt.token)
                    _answer(connection, attempt.line, asker, ask)
                self._waiting.popleft()


def _answer(connection: sa.Connection, line: Channel, asker: Asker, ask: Ask) -> None:
    """Answer one question; what makes no sense, asked or read, is an error of who asked."""
    try:
        question: Question = unpacked(ask.question, QUESTIONS)
    except ValueError as error:
        reason = f"The metadata database cannot be asked that: {error!s:.200}"
        send(line, Answer(ask.number, error=reason))
        return
    try:
        send(line, Answer(ask.number, answer(connection, asker, question)))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = f"The metadata database has what cannot be read: {error!s:.200}"
        send(line, Answer(ask.number, error=reason))
    except (DataError, InterfaceError, ProgrammingError) as error:
        reason = f"The metadata database cannot be asked that: {error.orig!s:.200}"
        send(line, Answer(ask.number, error=reason))

"""What a task may ask of the store, answered: by the host, and beside code that runs in-process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import DataError, InterfaceError, ProgrammingError

from airflow_lite.processes.packing import send, unpacked
from airflow_lite.store import attempts as rows
from airflow_lite.store import lookup, xcoms
from airflow_lite.worker.host.said import BadLineError
from airflow_lite.worker.messages import (
    QUESTIONS,
    Answer,
    FinishedTasks,
    FirstReschedule,
    GivenState,
    PreviousRun,
    PullXComs,
    TaskInstances,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

    from airflow_lite.clock import Clock
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


#: One process waits for its answer before it asks again, but for questions that a signal cut short.
MOST_UNANSWERED = 100
#: So long, in seconds, one turn answers: a task that asks and asks keeps the host from nothing.
ANSWERING_S = 0.2


class Questions:
    """What the processes of a host's tasks have asked, each in its order."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: dict[Channel, deque[tuple[Asker, Ask]]] = {}

    def add(self, attempt: Attempt, line: Channel, ask: Ask) -> None:
        """Take what a process of an attempt asked; raise `BadLineError` if it does not listen."""
        waiting = self._waiting.setdefault(line, deque())
        if len(waiting) >= MOST_UNANSWERED:
            raise BadLineError(f"more than {MOST_UNANSWERED} questions without an answer")
        waiting.append((Asker(attempt.queued.id, attempt.queued.run, attempt.token), ask))

    @property
    def can_answer(self) -> bool:
        """Whether somebody waits for an answer who takes one."""
        return bool(self._ready())

    def answer(self) -> None:
        """Answer in turns; what is left when time is over or the database fails waits."""
        ready = self._ready()
        if not ready:
            return
        until = self._clock.monotonic() + ANSWERING_S
        with self._store.read() as connection:
            while ready and self._clock.monotonic() <= until:
                for line in ready:
                    waiting = self._waiting[line]
                    is_usable = _answer(connection, line, *waiting[0])
                    waiting.popleft()
                    if not is_usable:  # the others get a transaction of their own
                        return
                ready = self._ready()

    def _ready(self) -> list[Channel]:
        """Return the lines with a question whose last answer is taken; forget those that ended."""
        for line in [line for line, asked in self._waiting.items() if line.is_closed or not asked]:
            del self._waiting[line]
        return [line for line in self._waiting if not line.has_unsent]


def _answer(connection: sa.Connection, line: Channel, asker: Asker, ask: Ask) -> bool:
    """Answer one question; what makes no sense, asked or read, is an error of who asked.

    False if the database refused it: PostgreSQL then takes nothing more in this transaction.
    """
    try:
        question: Question = unpacked(ask.question, QUESTIONS)
    except ValueError as error:
        reason = f"The metadata database cannot be asked that: {error!s:.200}"
        send(line, Answer(ask.number, error=reason))
        return True
    try:
        send(line, Answer(ask.number, answer(connection, asker, question)))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = f"The metadata database has what cannot be read: {error!s:.200}"
        send(line, Answer(ask.number, error=reason))
    except (DataError, InterfaceError, ProgrammingError) as error:
        reason = f"The metadata database cannot be asked that: {error.orig!s:.200}"
        send(line, Answer(ask.number, error=reason))
        return False
    return True

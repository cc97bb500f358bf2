"""What a task may ask of the store, answered: by the host, and beside code that runs in-process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import ParamValidationError, UserError
from airflow_lite.processes.packing import send, unpacked
from airflow_lite.store import attempts as rows
from airflow_lite.worker.dag_questions import (
    DatasetEventPage,
    MappedCount,
    MappedPage,
    TriggeringEvents,
    TriggerRun,
)
from airflow_lite.worker.host.said import BadLineError
from airflow_lite.worker.host.secret_answers import WRITES as SECRET_WRITES
from airflow_lite.worker.host.secret_answers import answer_secret
from airflow_lite.worker.messages import (
    QUESTIONS,
    Answer,
    FinishedTasks,
    FirstReschedule,
    GivenState,
    InstanceCount,
    PreviousRun,
    PullXComs,
    SecretQuestion,
    StatesOfDag,
    TaskInstances,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

    from airflow_lite.clock import Clock
    from airflow_lite.processes.channel import Channel
    from airflow_lite.security.cipher import Cipher
    from airflow_lite.store.connection import HostStore
    from airflow_lite.store.queued import StoredRun
    from airflow_lite.worker.host.attempt import Attempt
    from airflow_lite.worker.messages import Ask, Question


class Asker(NamedTuple):
    """Whose code asks: the row of its task instance, its DAG run, and its attempt's token.

    A DAG file that is imported has none of these.
    """

    row_id: int
    run_of: StoredRun | None
    token: str = ""
    cipher: Cipher | None = None  # of values that the store keeps encrypted

    @property
    def run(self) -> StoredRun:
        """The DAG run; raises `UserError` if a file asks for what is of a run."""
        if self.run_of is None:
            raise UserError("A DAG file can ask for Variables and connections alone.")
        return self.run_of


def answer(connection: sa.Connection, asker: Asker, question: Question | SecretQuestion) -> Any:
    """Return what the store says, as what JSON can hold; raises what the database raises."""
    if isinstance(question, SecretQuestion):
        assert asker.cipher is not None  # whoever runs authors' code has one
        return answer_secret(connection, asker.cipher, question)
    return _ANSWERS[type(question)](connection, asker, question)


def _xcoms(connection: sa.Connection, _asker: Asker, query: PullXComs) -> Any:
    from airflow_lite.store import xcoms

    return xcoms.get(connection, xcoms.XComQuery(*query))


def _mapped_count(connection: sa.Connection, _asker: Asker, question: MappedCount) -> Any:
    from airflow_lite.store import xcoms

    return xcoms.count_mapped(connection, *question)


def _mapped_page(connection: sa.Connection, _asker: Asker, question: MappedPage) -> Any:
    from airflow_lite.store import xcoms

    run_row_id, task_id, key, first, most, last_first = question
    return xcoms.mapped_page(
        connection, run_row_id, task_id, key, first=first, most=most, last_first=last_first
    )


def _previous_run(connection: sa.Connection, asker: Asker, question: PreviousRun) -> Any:
    from airflow_lite.store import lookup

    run = asker.run
    wanted, of_schedule = question
    before = lookup.previous_run(
        connection, run.dag_id, run.logical_us, wanted, of_schedule=of_schedule
    )
    return None if before is None else before.fields()


def _finished_tasks(connection: sa.Connection, asker: Asker, _question: FinishedTasks) -> Any:
    from airflow_lite.store import lookup

    return lookup.finished_tasks(connection, asker.run.id)


def _task_instances(connection: sa.Connection, asker: Asker, question: TaskInstances) -> Any:
    from airflow_lite.store import lookup

    return lookup.task_instances(connection, question.run_row_id)


def _first_reschedule(connection: sa.Connection, asker: Asker, question: FirstReschedule) -> Any:
    from airflow_lite.store import lookup

    return lookup.first_reschedule(connection, asker.row_id, question.try_number)


def _instance_count(connection: sa.Connection, asker: Asker, _question: InstanceCount) -> Any:
    from airflow_lite.store import lookup

    return lookup.instance_count(connection, asker.row_id)


def _states_of_dag(connection: sa.Connection, _asker: Asker, question: StatesOfDag) -> Any:
    from airflow_lite.store import lookup

    dag_id, dates_us, task_ids, group_id, must_exist = question
    if must_exist and (missing := lookup.what_is_missing(connection, dag_id, task_ids, group_id)):
        raise UserError(missing)
    return lookup.states_of_dag(connection, dag_id, dates_us, task_ids, group_id)


def _trigger_run(connection: sa.Connection, _asker: Asker, question: TriggerRun) -> Any:
    from airflow_lite.store import triggering

    dag_id, asked_us, logical_us, run_id, conf, resets = question
    wanted = triggering.WantedRun(conf, run_id, logical_us, keeps_microseconds=True)
    try:
        return triggering.trigger_by_task(
            connection, dag_id, wanted, asked_us=asked_us, resets=resets
        )
    except ParamValidationError as error:
        raise UserError(str(error)) from None


def _dataset_events(connection: sa.Connection, _asker: Asker, question: DatasetEventPage) -> Any:
    from airflow_lite.store import dataset_reads

    return dataset_reads.page(connection, *question)


def _triggering_events(connection: sa.Connection, asker: Asker, _question: TriggeringEvents) -> Any:
    from airflow_lite.store import dataset_reads

    return dataset_reads.consumed(connection, asker.run.id)


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
    MappedCount: _mapped_count,
    MappedPage: _mapped_page,
    PreviousRun: _previous_run,
    FinishedTasks: _finished_tasks,
    TaskInstances: _task_instances,
    FirstReschedule: _first_reschedule,
    InstanceCount: _instance_count,
    StatesOfDag: _states_of_dag,
    TriggerRun: _trigger_run,
    DatasetEventPage: _dataset_events,
    TriggeringEvents: _triggering_events,
    GivenState: _given_state,
}


#: What changes the store, and is answered in a transaction that writes.
WRITES = (*SECRET_WRITES, TriggerRun)
_UNASKABLE = "The metadata database cannot be asked that"
_UNREADABLE = "The metadata database has what cannot be read"
_WRITES = [[kind.__name__] for kind in WRITES]  # how such a question begins
#: One process waits for its answer before it asks again, but for questions that a signal cut short.
MOST_UNANSWERED = 100
#: So long, in seconds, one turn answers: a task that asks and asks keeps the host from nothing.
ANSWERING_S = 0.2


class Questions:
    """What the processes of a host's tasks have asked, each in its order."""

    def __init__(self, store: HostStore, clock: Clock, cipher: Cipher | None) -> None:
        self._store = store
        self._clock = clock
        self._cipher = cipher
        self._waiting: dict[Channel, deque[tuple[Asker, Ask]]] = {}

    def add(self, attempt: Attempt, line: Channel, ask: Ask) -> None:
        """Take what a process of an attempt asked; raise `BadLineError` if it does not listen."""
        waiting = self._waiting.setdefault(line, deque())
        if len(waiting) >= MOST_UNANSWERED:
            raise BadLineError(f"more than {MOST_UNANSWERED} questions without an answer")
        asker = Asker(attempt.queued.id, attempt.queued.run, attempt.token, self._cipher)
        waiting.append((asker, ask))

    def add_of_file(self, line: Channel, ask: Ask) -> None:
        """Take what a DAG file asked while it is imported; it may change nothing."""
        waiting = self._waiting.setdefault(line, deque())
        if writes(ask):
            send(line, Answer(ask.number, error="A DAG file can change nothing."))
        elif len(waiting) < MOST_UNANSWERED:  # else it does not listen
            waiting.append((Asker(0, None, "", self._cipher), ask))

    def is_waiting(self, line: Channel) -> bool:
        """Whether somebody waits for an answer on this line."""
        return bool(self._waiting.get(line))

    @property
    def can_answer(self) -> bool:
        """Whether somebody waits for an answer who takes one."""
        return bool(self._ready())

    def answer(self) -> None:
        """Answer in turns; what is left when time is over or the database fails waits."""
        if not self._ready():
            return
        until = self._clock.monotonic() + ANSWERING_S
        self._answer_reads(until)
        self._answerwrites(until)

    def _answer_reads(self, until: float) -> None:
        ready = self._next(is_write=False)
        if not ready:
            return
        with self._store.whole.read() as connection:
            while ready and self._clock.monotonic() <= until:
                for line in ready:
                    waiting = self._waiting[line]
                    is_usable = _answer(connection, line, *waiting[0])
                    waiting.popleft()
                    if not is_usable:  # the others get a transaction of their own
                        return
                ready = self._next(is_write=False)

    def _answerwrites(self, until: float) -> None:
        """Answer what changes the store, each in a transaction of its own, once that is over."""
        for line in self._next(is_write=True):
            if self._clock.monotonic() > until:
                return
            waiting = self._waiting[line]
            with self._store.whole.begin() as connection:
                told, _ = reply(connection, *waiting[0])
            waiting.popleft()
            send(line, told)

    def _next(self, *, is_write: bool) -> list[Channel]:
        return [line for line in self._ready() if writes(self._waiting[line][0][1]) is is_write]

    def _ready(self) -> list[Channel]:
        """Return the lines with a question whose last answer is taken; forget those that ended."""
        for line in [line for line, asked in self._waiting.items() if line.is_closed or not asked]:
            del self._waiting[line]
        return [line for line in self._waiting if not line.has_unsent]


def writes(ask: Ask) -> bool:
    """Whether the answer takes a transaction that writes."""
    return ask.question[:1] in _WRITES


def _answer(connection: sa.Connection, line: Channel, asker: Asker, ask: Ask) -> bool:
    """Answer one question; what makes no sense, asked or read, is an error of who asked.

    False if the database refused it: PostgreSQL then takes nothing more in this transaction.
    """
    told, is_usable = reply(connection, asker, ask)
    try:
        send(line, told)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        send(line, Answer(ask.number, error=f"{_UNREADABLE}: {error!s:.200}"))
    return is_usable


def reply(connection: sa.Connection, asker: Asker, ask: Ask) -> tuple[Answer, bool]:
    """Return the answer to one question, and whether the transaction can be used further."""
    from sqlalchemy.exc import DataError, InterfaceError, ProgrammingError

    try:
        question: Question | SecretQuestion = unpacked(ask.question, QUESTIONS)
    except ValueError as error:
        return Answer(ask.number, error=f"{_UNASKABLE}: {error!s:.200}"), True
    try:
        return Answer(ask.number, answer(connection, asker, question)), True
    except UserError as error:
        return Answer(ask.number, error=str(error)), True
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return Answer(ask.number, error=f"{_UNREADABLE}: {error!s:.200}"), True
    except (DataError, InterfaceError, ProgrammingError) as error:
        return Answer(ask.number, error=f"{_UNASKABLE}: {error.orig!s:.200}"), False

"""The `ti` of a running task."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.datasets.outlet_events import OutletEventAccessors
from airflow_lite.clock import to_us, utc_now
from airflow_lite.errors import AirflowException
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.secrets_masker import hide_named
from airflow_lite.task_logger import task_logger
from airflow_lite.text import is_storable, shortened
from airflow_lite.worker.dag_questions import TriggerRun
from airflow_lite.worker.messages import PullXComs, StatesOfDag
from airflow_lite.worker.task.dag_run import (
    DagRun,
    TaskInstanceRow,
    duration_s,
    inlet_events,
    triggering_events,
)
from airflow_lite.worker.task.datetimes import moment, optional_moment
from airflow_lite.worker.task.lazy_xcoms import LazyXComSelectSequence
from airflow_lite.worker.task.xcom import MAX_KEY_LENGTH, RETURN_KEY, from_json, to_json

if TYPE_CHECKING:
    from airflow_lite.worker.messages import AttemptRequest
    from airflow_lite.worker.task.store_client import StoreClient, XComRow

logger = logging.getLogger(__name__)


class RuntimeTaskInstance:
    """A task instance while its code runs, with Airflow's names."""

    def __init__(
        self,
        request: AttemptRequest,
        task: Any,
        dag_run: DagRun,
        store: StoreClient,
        build_context: Callable[[RuntimeTaskInstance], Any],
    ) -> None:
        self.key = TaskInstanceKey(*request.key)
        self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index, self.attempt = (
            self.key
        )
        self.task = task
        self.dag_run = dag_run
        self.max_tries = request.max_tries
        self.state: str | None = "running"
        self.operator = getattr(task, "task_type", None) or type(task).__name__
        self.pool, self.pool_slots = request.pool, request.pool_slots
        self.queue, self.priority_weight = request.queue, request.priority_weight
        self.queued_dttm = optional_moment(request.queued_us)
        self.start_date = optional_moment(request.start_us)
        self.end_date: datetime | None = None
        #: When the first attempt of this try started: a sensor's timeout counts from it.
        self.try_started = optional_moment(request.try_started_us or request.start_us)
        self.hostname, self.pid = request.hostname, os.getpid()
        self.test_mode = request.test_mode
        self.executor_config = task.executor_config
        self.log_url = self.mark_success_url = ""
        self.log: logging.Logger = task_logger()
        #: What a branch decided: {"followed": [task ids]} or {"skipped": [task ids]}.
        self.skip_decision: dict[str, list[str]] | None = None
        #: The name that `map_index_template` gave the instance, once its code has ended.
        self.rendered_map_index: str | None = None
        self._store = store
        #: What it says of the datasets that it changes.
        self.outlet_events = OutletEventAccessors()
        self._build_context = build_context
        self.max_xcom_bytes = request.max_xcom_bytes
        self._pushed: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"

    @property
    def execution_date(self) -> datetime:
        """The logical date of the run, under Airflow's older name."""
        return self.dag_run.logical_date

    @property
    def logical_date(self) -> datetime:
        """The logical date of the run."""
        return self.dag_run.logical_date

    @property
    def prev_attempted_tries(self) -> int:
        """How many tries there were, with this one."""
        return self.try_number

    @property
    def next_try_number(self) -> int:
        """The number of the try after this one, if there is one."""
        return self.try_number + 1

    @property
    def task_display_name(self) -> str:
        """The name of the task to show."""
        return str(self.task.task_display_name)

    @property
    def first_try_started(self) -> datetime | None:
        """When this try first started; differs from `start_date` after a reschedule."""
        return self.try_started

    @property
    def waiting_since(self) -> datetime | None:
        """When a sensor that is rescheduled began to wait: a retry does not begin anew.

        As in Airflow, that is the start of the first try since it was cleared, if that try was
        rescheduled, else of this one.
        """
        first_try = self.max_tries - self.task.retries + 1
        if self.try_number <= first_try:
            return self.try_started
        return optional_moment(self._store.first_reschedule(first_try)) or self.try_started

    @property
    def duration(self) -> float | None:
        """The seconds that it ran, once it has ended: callbacks see it."""
        return duration_s(self.start_date, self.end_date)

    def current_state(self, session: object = None) -> str | None:
        """Return the state, which callbacks see as it has become."""
        return self.state

    def is_eligible_to_retry(self) -> bool:
        """Whether there is a try left after this one."""
        return bool(self.task.retries) and self.try_number <= self.max_tries

    def get_dagrun(self, session: object = None) -> DagRun:
        """Return the DAG run."""
        return self.dag_run

    def get_template_context(self, session: object = None) -> Any:
        """Return the context that this task instance runs in."""
        return self._build_context(self)

    def get_previous_dagrun(
        self, state: str | None = None, session: object = None
    ) -> DagRun | None:
        """Return the run before this one, in `state` if one is given.

        As in Airflow, a DAG with catchup passes over runs by hand, unless a state is given.
        """
        dag = self.task.dag
        of_schedule = state is None and dag.catchup and dag.schedule_spec.kind != "none"
        fields = self._store.previous_run(state, of_schedule=of_schedule)
        return None if fields is None else DagRun(fields, self._store)

    def get_previous_ti(
        self, state: str | None = None, session: object = None
    ) -> TaskInstanceRow | None:
        """Return this task's instance in the run before this one."""
        run = self.get_previous_dagrun(state)
        return None if run is None else run.get_task_instance(self.task_id)

    def get_previous_start_date(
        self, state: str | None = None, session: object = None
    ) -> datetime | None:
        """Return when this task started in the run before this one."""
        instance = self.get_previous_ti(state)
        return None if instance is None else instance.start_date

    def get_previous_execution_date(
        self, state: str | None = None, session: object = None
    ) -> datetime | None:
        """Return the logical date of the run before this one, if this task is in it."""
        run = self.get_previous_dagrun(state)
        is_in_it = run is not None and run.get_task_instance(self.task_id) is not None
        return run.logical_date if run is not None and is_in_it else None

    def xcom_push(
        self,
        key: str,
        value: Any,
        execution_date: datetime | None = None,
        session: object = None,
    ) -> None:
        """Push an XCom; raise `XComTypeError` or `XComSizeError`."""
        _check_key(key)
        if execution_date is not None and execution_date < self.execution_date:
            raise ValueError(
                f"execution_date {execution_date} is before the run's {self.execution_date}."
            )
        if isinstance(value, LazyXComSelectSequence):
            self.log.warning(
                "XCom %r is %r, of which all values are read and written as one list. Call list()"
                " where that is meant.",
                key,
                value,
            )
        text = to_json(key, value, self.max_xcom_bytes)
        hide_named({key: value})
        self._pushed[key] = text
        self._store.push(key, text)

    @property
    def inlet_events(self) -> Any:
        """The events of the datasets that the task reads, looked up as they are read."""
        return inlet_events(self.task.inlets, self._store)

    def get_triggering_events(self) -> dict[str, list[Any]]:
        """Return the events of datasets that the run was made for, by URI."""
        return triggering_events(self._store)

    @property
    def expanded_count(self) -> int | None:
        """How many instances the task has, if it is mapped."""
        return self._store.instance_count() if self.map_index >= 0 else None

    def states_of_dag(
        self,
        dag_id: str,
        dates_us: list[int],
        *,
        task_ids: list[str] | None = None,
        group_id: str | None = None,
        must_exist: bool = False,
    ) -> list[tuple[int, str, str | None]]:
        """Return logical dates (in microseconds), task ids and states of another DAG's tasks.

        Of `task_ids`, or of a group; without either of its runs, with an empty task id. Raises
        `AirflowException` if `must_exist` and there is no such DAG, task or group.
        """
        query = StatesOfDag(dag_id, dates_us, task_ids, group_id, must_exist)
        return self._store.states_of_dag(query)

    async def await_states_of_dag(self, dag_id: str, dates_us: list[int], **which: Any) -> Any:
        """Await what `states_of_dag` returns: triggers ask so, here those of tests of a DAG."""
        return self.states_of_dag(dag_id, dates_us, **which)

    def trigger_dag_run(
        self,
        dag_id: str,
        *,
        run_id: str | None,
        logical_date: datetime,
        conf: dict[str, Any],
        resets: bool = False,
    ) -> dict[str, Any]:
        """Make a run of a DAG, unless there is one of this id or this date; return what there is.

        The `run_id`, the `logical_date`, and whether it `is_new`; with `resets` one that is not is
        cleared. Raises `AirflowException` if there is no such DAG, or its params take no such conf.
        """
        wanted = TriggerRun(dag_id, to_us(utc_now()), to_us(logical_date), run_id, conf, resets)
        run = self._store.trigger_run(wanted)
        return {**run, "logical_date": moment(run["logical_us"])}

    def has_pushed(self, key: str) -> bool:
        """Whether this attempt has pushed an XCom of that key."""
        return key in self._pushed

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str | None = RETURN_KEY,
        include_prior_dates: bool = False,  # noqa: FBT001, FBT002 - Airflow's signature
        session: object = None,
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """Return one XCom's value, or a list of values if several tasks or indexes are named.

        One value is what was pushed last, in the newest of the runs that are asked: of a mapped
        task the sequence of all its indexes' values, which are read as they are needed. A list is
        in the order of the names, and has the values of all these runs, the oldest first.
        Raises `TypeError` where something else than a name or an index is given.
        """
        for name, value in (("dag_id", dag_id), ("key", key), ("run_id", run_id)):
            if value is not None:
                _check(name, value, str)
        tasks = _as_list("task_ids", task_ids, str)
        indexes = _as_list("map_indexes", map_indexes, int)
        is_single = (task_ids is None or isinstance(task_ids, str)) and (
            map_indexes is None or isinstance(map_indexes, int)
        )
        query = PullXComs(
            dag_id or self.dag_id,
            run_id or self.run_id,
            self.dag_run.logical_us,
            key,
            tasks,
            indexes,
            bool(include_prior_dates),
            is_single,
        )
        rows = self._store.pull(query)
        if is_single:
            return self._single(rows, default, every_index=map_indexes is None)
        rows.reverse()  # as they were pushed
        return [from_json(row[3]) for row in sorted(rows, key=_place(tasks, indexes))]

    def mapped_results(self, task_id: str) -> Sequence[Any]:
        """Return what the instances of a mapped task returned, to be mapped over."""
        return LazyXComSelectSequence(self._store, self.dag_run.id, task_id, RETURN_KEY)

    def _single(self, rows: list[XComRow], default: Any, *, every_index: bool) -> Any:
        """Return the value of what was pushed last; of a mapped task those of its indexes."""
        if not rows:
            return default
        task_id, map_index, key, text, run_row_id = rows[0]
        if every_index and map_index >= 0:
            return LazyXComSelectSequence(self._store, run_row_id, task_id, key)
        value = from_json(text)
        hide_named({key: value})
        return value


def _as_list(name: str, value: Any, single: type) -> list[Any] | None:
    if value is None:
        return None
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)  # its own order may differ from process to process
    items = [value] if isinstance(value, single) else list(value)
    for item in items:
        _check(f"each of {name}", item, single)
    return items


def _check(what: str, value: Any, kind: type) -> None:
    """Refuse here what no database could be asked for."""
    if not isinstance(value, kind):
        wanted = "a string" if kind is str else "a whole number"
        raise TypeError(f"xcom_pull: {what} must be {wanted}, not {value!r:.100}.")


def _check_key(key: object) -> None:
    """Raise `AirflowException` for what the column does not keep, on any database."""
    if not isinstance(key, str) or not key or len(key) > MAX_KEY_LENGTH:
        raise AirflowException(
            f"XCom key {shortened(repr(key), 60)} must be a string of 1 to {MAX_KEY_LENGTH}"
            " characters."
        )
    if not is_storable(key):
        raise AirflowException(f"XCom key {shortened(ascii(key), 60)} holds what is no text.")


def _place(tasks: list[str] | None, indexes: list[int] | None) -> Any:
    """Return a sort key: by task and index, in the order in which they were named."""
    task_place = {name: at for at, name in enumerate(tasks or [])}
    index_place = {index: at for at, index in enumerate(indexes or [])}
    return lambda row: (task_place.get(row[0], 0), row[0], index_place.get(row[1], row[1]))

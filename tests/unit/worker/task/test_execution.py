"""How the code of an attempt ends, what it leaves in the store, and who is called back."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_lite import DAG, Param, PythonOperator
from airflow_lite.errors import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    AirflowTaskTerminated,
)
from airflow_lite.worker.messages import AttemptRequest, GivenState, Outcome
from airflow_lite.worker.task.execution import Execution, kept_environment
from airflow_lite.worker.task.store_client import StoreClient

NOW_US = 1_700_000_000_000_000
RUN = {
    "id": 7,
    "dag_id": "d",
    "run_id": "r",
    "run_type": "manual",
    "state": "running",
    "conf": {},
    "external_trigger": True,
    "clear_number": 0,
    "logical_us": NOW_US,
    "interval_start_us": NOW_US,
    "interval_end_us": NOW_US,
    "queued_us": NOW_US,
    "start_us": NOW_US,
    "end_us": None,
}


class MemoryStore(StoreClient):
    """Keeps what it is sent, in order; answers what it was given."""

    def __init__(self, answers=None):
        self.written = []
        self._answers = answers or {}

    def push(self, key, value):
        self.written.append((key, json.loads(value)))

    def rendered(self, fields):
        self.written.append(("rendered", json.loads(fields)))

    def ask(self, question):
        return self._answers.get(type(question))


@pytest.fixture(autouse=True)
def environment():
    with kept_environment():
        yield


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def execute(store):
    """Make the execution of a task that calls a function."""

    def make(function, try_number=1, passes_interrupts=False, test_mode=False, **options):
        with DAG("d", schedule=None, start_date=datetime(2024, 1, 1)):
            task = PythonOperator(task_id="t", python_callable=function, **options)
        key = ("d", "t", "r", try_number, -1, "a" * 32)
        request = AttemptRequest(
            key, RUN, max_tries=task.retries, start_us=NOW_US, test_mode=test_mode
        )
        return Execution(request, task, store, passes_interrupts=passes_interrupts)

    return make


def raising(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("no"), Outcome("failed", "ValueError: no")),
        (AirflowFailException("never"), Outcome("failed", "never", force_fail=True)),
        (AirflowSkipException("not today"), Outcome("skipped", "not today")),
        (AirflowSkipException(), Outcome("skipped")),
        (SystemExit(3), Outcome("failed", "SystemExit: 3")),
        (SystemExit(0), Outcome("success")),
        (SystemExit(), Outcome("success")),
        (KeyboardInterrupt(), Outcome("failed", "KeyboardInterrupt")),
    ],
    ids=repr,
)
def test_what_the_code_raises_decides_the_outcome(execute, error, outcome):
    ended = execute(raising(error)).run()

    assert ended.state == outcome.state
    assert ended.force_fail is outcome.force_fail
    assert (ended.cause or "").endswith(outcome.cause or "")


def test_ctrl_c_goes_to_a_caller_that_asked_for_it(execute):
    execution = execute(raising(KeyboardInterrupt()), passes_interrupts=True)

    with pytest.raises(KeyboardInterrupt):
        execution.run()


def test_a_reschedule_has_its_moment(execute):
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    outcome = execute(raising(AirflowRescheduleException(moment))).run()

    assert (outcome.state, outcome.next_at_us) == (
        "up_for_reschedule",
        int(moment.timestamp()) * 1_000_000,
    )


def test_a_reschedule_to_what_is_no_moment_is_a_failure(execute):
    error = AirflowRescheduleException(datetime(2030, 1, 1, tzinfo=UTC))
    error.reschedule_date = "soon"  # type: ignore[assignment]

    assert execute(raising(error)).run().state == "failed"


def test_what_a_task_returns_is_pushed_after_its_rendered_fields(execute, store):
    outcome = execute(lambda name: f"hello {name}", op_kwargs={"name": "{{ dag.dag_id }}"}).run()

    assert outcome.state == "success"
    (rendered, fields), pushed = store.written
    assert (rendered, fields["op_kwargs"]) == ("rendered", {"name": "d"})
    assert pushed == ("return_value", "hello d")


@pytest.mark.parametrize(
    ("function", "options"),
    [(lambda: None, {}), (lambda: 7, {"do_xcom_push": False})],
    ids=["None", "do_xcom_push=False"],
)
def test_nothing_is_pushed_where_there_is_no_result(execute, store, function, options):
    execute(function, **options).run()

    assert [name for name, _ in store.written] == ["rendered"]


def test_a_test_run_saves_no_rendered_fields(execute, store):
    execute(lambda: 7, test_mode=True).run()

    assert store.written == [("return_value", 7)]


def test_multiple_outputs_are_pushed_one_by_one_and_as_a_whole(execute, store):
    execute(lambda: {"a": 1, "b": 2}, multiple_outputs=True).run()

    assert store.written[1:] == [("a", 1), ("b", 2), ("return_value", {"a": 1, "b": 2})]


@pytest.mark.parametrize("result", [[1], {1: 2}, "text"], ids=repr)
def test_multiple_outputs_that_are_no_dict_with_names_push_nothing(execute, store, result):
    outcome = execute(lambda: result, multiple_outputs=True).run()

    assert outcome.state == "failed"
    assert outcome.cause.startswith("XComTypeError: The task has multiple_outputs and returned ")
    assert len(store.written) == 1


CALLBACKS = ("on_success", "on_failure", "on_retry", "on_skipped")


@pytest.mark.parametrize(
    ("error", "tries_left", "called"),
    [
        (None, 0, ["on_success"]),
        (AirflowSkipException(), 0, ["on_skipped", "on_success"]),
        (ValueError(), 0, ["on_failure"]),
        (ValueError(), 1, ["on_retry"]),
        (AirflowFailException(), 1, ["on_failure"]),
        (AirflowRescheduleException(datetime(2030, 1, 1, tzinfo=UTC)), 1, []),
    ],
)
def test_the_outcome_decides_who_is_called_back(execute, error, tries_left, called):
    calls: list[Any] = []
    callbacks = {
        f"{name}_callback": lambda context, name=name: calls.append((name, context["ti"].state))
        for name in CALLBACKS
    }
    function = raising(error) if error is not None else lambda: None
    execution = execute(function, retries=tries_left, **callbacks)
    execution.run()
    assert calls == []

    execution.call_back()

    assert [name for name, _ in calls] == called
    assert {state for _, state in calls} <= {execution.ti.state}


def test_a_callback_that_raises_keeps_no_other_from_being_called(execute, caplog):
    calls: list[Any] = []

    def leave(_context):
        raise SystemExit(1)

    execution = execute(lambda: None, on_success_callback=[leave, calls.append])
    execution.run()
    with caplog.at_level(logging.ERROR, "airflow_lite.task"):
        execution.call_back()

    assert calls == [execution.context]


def test_a_failure_is_in_the_context_of_callbacks(execute):
    error = ValueError("no")
    execution = execute(raising(error))
    execution.run()

    assert execution.context["exception"] is error


def test_only_a_task_that_was_stopped_asks_what_its_row_became(execute, store):
    asked: list[Any] = []
    store.ask = asked.append
    execute(raising(ValueError())).run()
    assert asked == []

    execute(raising(AirflowTaskTerminated("Task received SIGTERM signal"))).run()
    assert asked == [GivenState()]


def test_what_on_kill_raises_is_logged(execute, monkeypatch):
    execution = execute(lambda: None)
    kills = []

    def fail():
        kills.append("called")
        raise AirflowException("no")

    monkeypatch.setattr(execution.task, "on_kill", fail)
    execution.kill()

    assert kills == ["called"]


def test_a_sensor_that_pokes_is_rescheduled_where_the_executor_cannot_bear_it(store):
    from airflow_lite.authoring.operators.sensor import PythonSensor

    with DAG("d", schedule=None, start_date=datetime(2024, 1, 1)):
        sensor = PythonSensor(task_id="t", python_callable=lambda: True)
    key = ("d", "t", "r", 1, -1, "a" * 32)
    requests = [
        AttemptRequest(key, RUN, start_us=NOW_US, reschedules_sensors=value)
        for value in (False, True)
    ]

    executions = [Execution(request, sensor, store) for request in requests]
    states = [execution.run().state for execution in executions]

    assert [execution.task.mode for execution in executions] == ["poke", "reschedule"]
    assert states == ["success", "success"]
    assert sensor.mode == "poke"


def test_what_goes_wrong_as_it_is_prepared_is_told_by_its_run(store, caplog):
    with DAG("d", schedule=None, start_date=datetime(2024, 1, 1)):
        operator = PythonOperator(
            task_id="t", python_callable=lambda: None, params={"n": Param(1, type="string")}
        )
    request = AttemptRequest(("d", "t", "r", 1, -1, "a" * 32), RUN, start_us=NOW_US)
    execution = Execution(request, operator, store)

    execution.prepare()
    assert not caplog.records
    outcome = execution.run()

    assert outcome.state == "failed"
    assert "param 'n': 1 is not of type 'string'" in str(outcome.cause)


def test_what_was_prepared_is_what_the_code_gets(store):
    seen = []

    def note(ti):
        seen.append(ti)

    with DAG("d", schedule=None, start_date=datetime(2024, 1, 1)):
        operator = PythonOperator(task_id="t", python_callable=note)
    key = ("d", "t", "r", 1, -1, "a" * 32)
    execution = Execution(AttemptRequest(key, RUN, start_us=NOW_US), operator, store)

    execution.prepare()
    prepared = execution.context
    execution.run()

    assert execution.context is prepared
    assert seen == [execution.ti]


def test_a_traceback_begins_with_the_authors_code(execute, caplog):
    def fails():
        raise ValueError("no such customer")

    execute(fails).run()

    frames = [line for line in caplog.text.splitlines() if line.startswith("  File ")]
    assert len(frames) == 1
    assert frames[0].endswith("in fails")

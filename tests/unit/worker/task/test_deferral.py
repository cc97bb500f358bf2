"""A task that waits without a process: what is kept of it, how it goes on, and how it fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_lite import (
    DAG,
    BaseOperator,
    BaseSensorOperator,
    DateTimeTrigger,
    StartTriggerArgs,
)
from airflow_lite.clock import SystemClock
from airflow_lite.spec.deferral import FAIL, failure_kwargs, timeout_kwargs
from airflow_lite.task_logger import NAME
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task.deferral import counted_s
from airflow_lite.worker.task.execution import Execution, kept_environment
from airflow_lite.worker.task.store_client import StoreClient
from airflow_lite.worker.task.xcom import from_json

NOW_US = 1_700_000_000_000_000
RUN: dict[str, object] = {
    "id": 7,
    "dag_id": "d",
    "run_id": "r",
    "run_type": "manual",
    "state": "running",
    "conf": {},
    "external_trigger": True,
    "clear_number": 0,
    **dict.fromkeys(("logical_us", "interval_start_us", "interval_end_us"), NOW_US),
    **dict.fromkeys(("queued_us", "start_us"), NOW_US),
    "end_us": None,
}
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
SECOND_US = 1_000_000


class Waits(BaseOperator):
    """Defers itself as it is told, and goes on in `later`."""

    def __init__(self, *, deferral=None, **kwargs):
        super().__init__(**kwargs)
        self.deferral = deferral or {}

    def execute(self, context):
        given = {"trigger": DateTimeTrigger(MOMENT), "method_name": "later", **self.deferral}
        self.defer(**given)

    def later(self, context, event=None, **kwargs):
        return {"event": event, "try": context["ti"].try_number, **kwargs}


class WaitsAsSensor(BaseSensorOperator):
    """A sensor that defers itself."""

    def execute(self, context):
        self.defer(trigger=DateTimeTrigger(MOMENT), method_name="later")


class BeginsInTrigger(Waits):
    """Waits for a trigger before any of its code is called."""

    start_from_trigger = True
    start_trigger_args = StartTriggerArgs(
        "airflow_lite.authoring.triggers.temporal.DateTimeTrigger",
        "later",
        trigger_kwargs={"moment": MOMENT},
        next_kwargs={"more": 1},
        timeout=timedelta(seconds=5),
    )

    def pre_execute(self, context):
        raise AssertionError("it begins with the trigger")

    execute = pre_execute


@pytest.fixture(autouse=True)
def environment():
    with kept_environment():
        yield


class Pushed(StoreClient):
    """Keeps the XComs that it is sent."""

    def __init__(self):
        self.xcoms = {}

    def push(self, key, value):
        self.xcoms[key] = json.loads(value)

    def rendered(self, fields):
        pass

    def ask(self, question):
        return None


@pytest.fixture
def store():
    return Pushed()


@pytest.fixture
def run(store, monkeypatch):
    """Run an attempt of a task at `NOW_US`; return its outcome."""
    monkeypatch.setattr(SystemClock, "now_us", lambda _: NOW_US)

    def run(kind=Waits, method=None, kwargs="{}", passed_s=0.0, **options):
        with DAG("d", schedule=None, start_date=datetime(2024, 1, 1)):
            task = kind(task_id="t", **options)
        key = ("d", "t", "r", 1, -1, "a" * 32)
        request = AttemptRequest(
            key,
            RUN,
            start_us=NOW_US - SECOND_US,
            next_method=method,
            next_kwargs=kwargs,
            passed_s=passed_s,
        )
        return Execution(request, task, store).run()

    return run


def test_a_task_that_starts_from_a_trigger_waits_before_its_code_is_called(run):
    outcome = run(BeginsInTrigger, on_execute_callback=BeginsInTrigger.execute)

    assert (outcome.state, outcome.next_method) == ("deferred", "later")
    assert from_json(outcome.next_kwargs) == {"more": 1}
    assert from_json(outcome.trigger_spec)["kwargs"]["moment"] == MOMENT
    assert outcome.next_at_us == NOW_US + 5 * SECOND_US


def test_it_starts_by_itself_where_it_is_told_not_to_or_has_no_trigger(run):
    class Told(BeginsInTrigger):
        start_from_trigger = False

    class Bare(BeginsInTrigger):
        start_trigger_args = None  # type: ignore[assignment]

    for kind in (Told, Bare):
        assert run(kind).state == "failed"


def test_what_is_waited_for_and_what_follows_are_kept(run):
    outcome = run(deferral={"kwargs": {"day": MOMENT.date()}})

    assert (outcome.state, outcome.next_method, outcome.next_at_us) == ("deferred", "later", None)
    assert from_json(outcome.trigger_spec) == {
        "class": "airflow_lite.authoring.triggers.temporal.DateTimeTrigger",
        "kwargs": {"moment": MOMENT, "end_from_trigger": False},
    }
    assert from_json(outcome.next_kwargs) == {"day": MOMENT.date()}


def test_it_is_paused_not_ended_and_nobody_is_called_back(run, caplog):
    called: list[object] = []
    caplog.set_level("INFO", logger=NAME)
    run(on_success_callback=called.append, on_failure_callback=called.append)
    assert called == []
    assert "Pausing task as DEFERRED" in caplog.text


@pytest.mark.parametrize(
    ("timeout_s", "execution_timeout_s", "after_s"),
    [(60, None, 60), (None, 60, 59), (60, 30, 29), (30, 60, 30)],
)
def test_it_waits_until_the_earlier_of_its_time_limits(
    run, timeout_s, execution_timeout_s, after_s
):
    deferral = {"timeout": timeout_s and timedelta(seconds=timeout_s)}
    limit = execution_timeout_s and timedelta(seconds=execution_timeout_s)
    outcome = run(deferral=deferral, execution_timeout=limit)

    assert outcome.next_at_us == NOW_US + after_s * SECOND_US


def test_it_goes_on_with_the_method_its_arguments_and_the_event(run, store):
    outcome = run(method="later", kwargs='{"a": 1, "event": {"found": [1]}}')

    assert outcome.state == "success"
    assert store.xcoms == {"return_value": {"event": {"found": [1]}, "try": 1, "a": 1}}


def test_one_whose_time_is_over_fails_before_the_method_is_called_and_calls_back(run, store):
    called: list[object] = []
    outcome = run(
        method="later",
        passed_s=5.0,
        execution_timeout=timedelta(seconds=5),
        on_execute_callback=lambda context: called.append(context["ti"].try_number),
    )
    assert (
        outcome.cause
        == "AirflowTaskTimeout: The task ran longer than its execution_timeout of 5 s."
    )
    assert (called, store.xcoms) == ([1], {})


@pytest.mark.parametrize(
    ("passed_s", "limit_s", "counted"), [(5.0, None, 5.0), (5.0, 60.0, 5.0), (70.0, 60.0, 50.0)]
)
def test_one_whose_time_is_over_has_some_left_to_fail_in(passed_s, limit_s, counted):
    assert counted_s(passed_s, limit_s) == counted


def test_it_may_defer_itself_again(run):
    assert run(method="execute").state == "deferred"


def test_a_method_that_is_not_there_fails_it(run):
    outcome = run(method="gone")
    assert (outcome.state, outcome.cause) == (
        "failed",
        "AttributeError: 'Waits' object has no attribute 'gone'",
    )


def test_a_failed_trigger_fails_it_with_the_reason_and_the_traceback_in_its_log(run, caplog):
    outcome = run(method=FAIL, kwargs=failure_kwargs(["Traceback:", "ValueError: no"]))

    assert (outcome.state, outcome.cause, outcome.force_fail) == (
        "failed",
        "TaskDeferralError: Trigger failure: ValueError: no",
        False,
    )
    assert "Trigger failed:\nTraceback:\nValueError: no" in caplog.text


def test_what_does_not_come_in_time_fails_it(run):
    outcome = run(method=FAIL, kwargs=timeout_kwargs())
    assert outcome.cause == "TaskDeferralTimeout: Trigger/execution timeout"


def test_a_soft_failing_sensor_is_skipped_by_both(run):
    for kwargs in (timeout_kwargs(), failure_kwargs(["x"])):
        assert run(WaitsAsSensor, method=FAIL, kwargs=kwargs, soft_fail=True).state == "skipped"
        assert run(WaitsAsSensor, method=FAIL, kwargs=kwargs).state == "failed"


@pytest.mark.parametrize(
    ("deferral", "message"),
    [
        (
            {"kwargs": {"a": object()}},
            "XComTypeError: The kwargs of defer() of type dict cannot be written as JSON:"
            " a object is not JSON. Return strings, numbers, dates, lists, sets or dicts.",
        ),
        (
            {"kwargs": {"a": "x" * (1 << 20)}},
            "XComSizeError: The kwargs of defer() has",
        ),
        (
            {"method_name": None},
            "AirflowException: A task cannot be deferred with method_name=None.",
        ),
        ({"timeout": 5}, "ValueError: Timeout value must be a timedelta"),
        ({"trigger": None}, "AttributeError: 'NoneType' object has no attribute 'serialize'"),
    ],
)
def test_what_cannot_be_kept_fails_the_task(run, deferral, message):
    outcome = run(deferral=deferral)
    assert outcome.state == "failed"
    assert outcome.cause.startswith(message), outcome.cause

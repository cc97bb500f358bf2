"""DAGs of tasks that defer themselves, unchanged on Airflow 2.10.5 and on airflow-lite.

How they end under Airflow is in deferral.json. `CONFORMANCE_DIR` names a folder where callbacks note
that they were called, and in which a file is waited for.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from deferral_triggers import Says

try:
    from airflow_lite import (
        DAG,
        BaseOperator,
        BaseSensorOperator,
        DateTimeSensorAsync,
        FileSensor,
        StartTriggerArgs,
        TimeDeltaSensorAsync,
        TimeSensorAsync,
    )
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow import DAG
    from airflow.models.baseoperator import BaseOperator
    from airflow.sensors.base import BaseSensorOperator
    from airflow.sensors.date_time import DateTimeSensorAsync
    from airflow.sensors.filesystem import FileSensor
    from airflow.sensors.time_delta import TimeDeltaSensorAsync
    from airflow.sensors.time_sensor import TimeSensorAsync
    from airflow.triggers.base import StartTriggerArgs

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
FOLDER = Path(os.environ.get("CONFORMANCE_DIR", "."))


def note(what):
    """Return a callback that notes that it was called."""

    def called(context):
        ti = context["ti"]
        with (FOLDER / f"deferral_{ti.task_id}").open("a") as notes:
            notes.write(f"{what} {ti.try_number}\n")

    return called


NOTES = {
    f"on_{event}_callback": note(event)
    for event in ("execute", "success", "failure", "retry", "skipped")
}


class Waits(BaseOperator):
    """Defers itself `times` times until a trigger says its word."""

    def __init__(self, *, word="hello", times=1, timeout=None, method="later", **kwargs):
        super().__init__(**kwargs)
        self.word, self.times, self.timeout, self.method = word, times, timeout, method

    def wait(self, left, began):
        self.defer(
            trigger=Says(self.word),
            method_name=self.method,
            kwargs={"left": left, "began": began, "day": timedelta(days=1)},
            timeout=self.timeout,
        )

    def execute(self, context):
        context["ti"].xcom_push("before", context["ti"].try_number)
        self.wait(self.times - 1, context["ti"].start_date.timestamp())

    def later(self, context, left, began, day, event=None):
        if left:
            self.wait(left - 1, began)
        ti = context["ti"]
        return {
            "event": event,
            "day": str(day),
            "try": ti.try_number,
            "before": ti.xcom_pull(task_ids=ti.task_id, key="before", map_indexes=ti.map_index),
            "began at once": abs(ti.start_date.timestamp() - began) < 1,
        }


class BeginsInTrigger(BaseOperator):
    """Waits for a trigger before any of its code is called."""

    start_from_trigger = True

    def __init__(self, *, word="hello", timeout=None, **kwargs):
        super().__init__(**kwargs)
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="deferral_triggers.Says",
            trigger_kwargs={"word": word},
            next_method="later",
            next_kwargs={"more": 1},
            timeout=timeout,
        )

    def execute(self, context):
        raise RuntimeError("it is not called")

    def later(self, context, more, event=None):
        return [event, more, context["ti"].try_number]


class SensorThatWaits(BaseSensorOperator):
    """Defers itself until a trigger says its word, no longer than its timeout."""

    def __init__(self, *, word, **kwargs):
        super().__init__(**kwargs)
        self.word = word

    def execute(self, context):
        limit = timedelta(seconds=self.timeout)
        self.defer(trigger=Says(self.word), method_name="later", timeout=limit)

    def later(self, context, event=None):
        return event


def make(name):
    defaults = {"retry_delay": timedelta(0), **NOTES}
    return DAG(name, start_date=START, schedule=None, catchup=False, default_args=defaults)


with make("deferral_mapped"):
    Waits.partial(task_id="mapped").expand(word=["a", "raise", "c"])

with make("deferral"):
    second = timedelta(seconds=1)
    Waits(task_id="once")
    Waits(task_id="thrice", times=3)
    Waits(task_id="fails", word="raise", retries=1)
    Waits(task_id="no_event", word="nothing")
    Waits(task_id="late", word="never", timeout=second)
    Waits(task_id="late_retried", word="never", timeout=second, retries=1)
    Waits(task_id="limited", word="never", execution_timeout=2 * second)
    Waits(task_id="no_method", method="gone")
    Waits(task_id="ended", word="success")
    Waits(task_id="ended_failed", word="failed", retries=1)
    Waits(task_id="ended_skipped", word="skipped")
    BeginsInTrigger(task_id="from_trigger")
    BeginsInTrigger(task_id="from_trigger_fails", word="raise", retries=1)
    BeginsInTrigger(task_id="from_trigger_late", word="never", timeout=second)
    BeginsInTrigger(task_id="from_trigger_ended", word="success")
    SensorThatWaits(task_id="soft_late", word="never", timeout=1, soft_fail=True)
    SensorThatWaits(task_id="soft_fails", word="raise", timeout=60, soft_fail=True)
    SensorThatWaits(task_id="sensor_late", word="never", timeout=1, retries=1)
    soon = "{{ dag_run.start_date + macros.timedelta(seconds=2) }}"
    DateTimeSensorAsync(task_id="date", target_time=soon)
    DateTimeSensorAsync(task_id="date_ended", target_time=soon, end_from_trigger=True)
    DateTimeSensorAsync(task_id="date_past", target_time=START)
    TimeDeltaSensorAsync(task_id="delta_past", delta=timedelta(0))
    TimeSensorAsync(task_id="time_past", target_time=datetime.min.time())
    file = str(FOLDER / "file")
    FileSensor(task_id="file", filepath=file, deferrable=True, poke_interval=0.1)
    FileSensor(
        task_id="no_file", filepath=f"{file}_gone", deferrable=True, poke_interval=0.1, timeout=1
    )

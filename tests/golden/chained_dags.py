"""DAGs that start others, by a task or by datasets, unchanged on Airflow 2.10.5 and on airflow-lite.

How they end under Airflow is in chained.json.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow_lite import (
        DAG,
        Dataset,
        DatasetAlias,
        DateTimeSensor,
        DateTimeSensorAsync,
        EmptyOperator,
        TimeDeltaSensorAsync,
        TriggerDagRunOperator,
        task,
    )
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow import DAG
    from airflow.datasets import Dataset, DatasetAlias
    from airflow.decorators import task
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.trigger_dagrun import TriggerDagRunOperator
    from airflow.sensors.date_time import DateTimeSensor, DateTimeSensorAsync
    from airflow.sensors.time_delta import TimeDeltaSensorAsync

USUAL = {
    "start_date": datetime(2024, 1, 1, tzinfo=timezone.utc),
    "catchup": False,
    "default_args": {"retry_delay": timedelta(0)},
}
A, B, NEVER = Dataset("s3://chained/a"), Dataset("s3://chained/b"), Dataset("s3://chained/never")
FOUND = DatasetAlias("chained-found")

with DAG("chained_started", schedule=None, **USUAL):

    @task
    def it(dag_run=None):
        if dag_run.conf["n"] < 0:
            raise ValueError
        return [dag_run.conf["n"], dag_run.conf["of"], dag_run.run_type]

    it()


def start(task_id, n, **arguments):
    return TriggerDagRunOperator(
        task_id=task_id,
        trigger_dag_id="chained_started",
        trigger_run_id=task_id,
        conf={"n": n, "of": "{{ run_id }}"},
        poke_interval=1,
        **arguments,
    )


with DAG("chained_starter", schedule=None, **USUAL):
    waits = {"wait_for_completion": True}
    defers = {**waits, "deferrable": True}
    start("asks", 1)
    start("waits", 2, **waits)
    start("waits_in_vain", -1, **waits)
    start("defers", 3, **defers)
    start("defers_in_vain", -2, **defers)
    start("wants_failure", -3, **defers, allowed_states=["failed"], failed_states=["success"])
    start("retried", -4, **defers, retries=1, reset_dag_run=True)

with DAG("chained_sensors", schedule=None, **USUAL):
    soon = "{{ dag_run.start_date + macros.timedelta(seconds=2) }}"
    DateTimeSensorAsync(task_id="date", target_time=soon)
    DateTimeSensor(task_id="rescheduled", target_time=soon, mode="reschedule", poke_interval=1)
    DateTimeSensor(task_id="poked", target_time=soon, poke_interval=1)
    TimeDeltaSensorAsync(task_id="delta", delta=timedelta(0))
    DateTimeSensorAsync.partial(task_id="dates").expand(target_time=[soon, soon])

with DAG("chained_producer", schedule=None, **USUAL):

    @task(outlets=[A])
    def with_extra(outlet_events=None):
        outlet_events[A].extra = {"rows": 5}

    @task(outlets=[FOUND])
    def by_alias(outlet_events=None):
        outlet_events[FOUND].add(Dataset("s3://chained/found"), extra={"n": 1})

    @task(outlets=[NEVER])
    def fails():
        raise ValueError

    [with_extra(), by_alias()] >> EmptyOperator(task_id="empty", outlets=[B])
    fails()

with DAG("chained_consumer", schedule=[A, B], **USUAL):

    @task
    def look(triggering_dataset_events=None):
        return sorted(
            [event.dataset.uri, event.source_dag_id, event.source_task_id, event.extra]
            for events in triggering_dataset_events.values()
            for event in events
        )

    look()

with DAG("chained_by_alias", schedule=FOUND, **USUAL):
    EmptyOperator(task_id="t")

with DAG("chained_never", schedule=[NEVER], **USUAL):
    EmptyOperator(task_id="t")

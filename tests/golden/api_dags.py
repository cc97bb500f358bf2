"""DAGs that load unchanged on Airflow 2.10.5 and on airflow-lite, for the answers of the REST API."""

from __future__ import annotations

from datetime import datetime, timedelta

try:
    from airflow_lite import (
        DAG,
        BashOperator,
        Dataset,
        EmptyOperator,
        ExternalTaskSensor,
        PythonOperator,
        TriggerDagRunOperator,
    )
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow import DAG
    from airflow.datasets import Dataset
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator
    from airflow.operators.trigger_dagrun import TriggerDagRunOperator
    from airflow.sensors.external_task import ExternalTaskSensor

START = datetime(2024, 1, 1)


def number():
    return {"n": 3, "names": ["a", "b"]}


def numbers():
    return [1, 2]


def double(x):
    print(f"doubling {x}")
    return 2 * x


def fail(ti):
    print(f"this is try {ti.try_number}")
    raise ValueError("no luck")


with DAG(
    "little",
    start_date=START,
    schedule="0 0 29 2 *",  # so that no run of it is due before 2028
    catchup=False,
    tags=["blue", "red"],
    description="A little DAG",
    params={"p": 1},
    max_active_runs=3,
    doc_md="# Little",
    default_args={"owner": "ann"},
    is_paused_upon_creation=True,
):
    first = PythonOperator(task_id="first", python_callable=number, owner="bob")
    second = BashOperator(
        task_id="second",
        bash_command="echo '{{ ds }} {{ params.p }}'",
        retries=2,
        retry_delay=timedelta(minutes=7),
        pool_slots=2,
        priority_weight=5,
        execution_timeout=timedelta(hours=1),
        doc_md="The second.",
        trigger_rule="none_failed",
    )
    third = EmptyOperator(task_id="third")
    first >> second >> third

with DAG("failing", start_date=START, schedule=None, is_paused_upon_creation=False):
    PythonOperator(
        task_id="fail", python_callable=fail, retries=1, retry_delay=timedelta(seconds=0)
    ) >> EmptyOperator(task_id="after")

with DAG("mapped", start_date=START, schedule=None, is_paused_upon_creation=False, tags=["red"]):
    source = PythonOperator(task_id="source", python_callable=numbers)
    each = PythonOperator.partial(task_id="each", python_callable=double).expand(
        op_args=[[1], [2], [3]]
    )
    source >> each

PAUSED = {"start_date": START, "catchup": False, "is_paused_upon_creation": True}
with DAG("daily", schedule="@daily", **PAUSED):
    EmptyOperator(task_id="only")

with DAG("hourly", schedule=timedelta(hours=1), **PAUSED):
    EmptyOperator(task_id="only", pool="nowhere")
    ExternalTaskSensor(task_id="waits", external_dag_id="little", external_task_id="first")

with DAG("caller", start_date=START, schedule=None, is_paused_upon_creation=False):
    TriggerDagRunOperator(task_id="calls", trigger_dag_id="daily", trigger_run_id="called")

with DAG("unused", schedule="15 3 * * 1-5", **PAUSED):
    EmptyOperator(task_id="only")

MADE, AWAITED = Dataset("s3://bucket/made"), Dataset("s3://bucket/awaited")
with DAG("maker", start_date=START, schedule=None, is_paused_upon_creation=False):
    BashOperator(task_id="make", bash_command="true", outlets=[MADE])

with DAG("taker", start_date=START, schedule=[MADE, AWAITED], is_paused_upon_creation=False):
    EmptyOperator(task_id="take")

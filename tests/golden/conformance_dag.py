"""One DAG of 30 tasks that runs unchanged on Airflow 2.10.5 and on airflow-lite.

Its final states, tries, XComs and rendered fields under Airflow are in conformance_states.json.
`CONFORMANCE_DIR` names a folder where tasks count their own calls, one file per run and task.
Trigger it with run id, logical date and conf as in the "trigger" part of that file.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow_lite import (
        DAG,
        AirflowFailException,
        AirflowSkipException,
        BashOperator,
        BranchPythonOperator,
        EmptyOperator,
        PythonOperator,
        PythonSensor,
        ShortCircuitOperator,
        TaskGroup,
        task,
    )
except ModuleNotFoundError as error:
    if error.name != "airflow_lite":
        raise
    from airflow import DAG
    from airflow.decorators import task
    from airflow.exceptions import AirflowFailException, AirflowSkipException
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import (
        BranchPythonOperator,
        PythonOperator,
        ShortCircuitOperator,
    )
    from airflow.sensors.python import PythonSensor
    from airflow.utils.task_group import TaskGroup


def count_call(run_id: str, name: str) -> int:
    """Return how often this was called in this run, with this call."""
    path = Path(os.environ["CONFORMANCE_DIR"], f"{run_id}-{name}")
    with path.open("a") as file:
        file.write("x")
    return path.stat().st_size


def fail_once(run_id, **_):
    if count_call(run_id, "flaky") == 1:
        raise ValueError("the first try fails")
    return "second"


def fail(**_):
    raise ValueError("this task always fails")


def fail_for_good(**_):
    raise AirflowFailException("no retry can help")


def skip(**_):
    raise AirflowSkipException("nothing to do")


def sleep_long(**_):
    time.sleep(30)


def choose(**_):
    return "push"


def push(ti, **_):
    ti.xcom_push(key="side", value={"of": ["the", "road"], "n": 1})
    return [1, 2.5, None, "ü"]


def pull(ti, total, side, returned, nested, conf, **_):
    return {
        "total": total,
        "side": side,
        "returned": returned,
        "nested": nested,
        "conf": conf,
        "pulled": ti.xcom_pull(task_ids="push", key="side"),
        "two": list(ti.xcom_pull(task_ids=["push", "bash"])),
        "missing": ti.xcom_pull(task_ids="not_chosen"),
    }


def third_call(run_id, **_):
    return count_call(run_id, "poke") >= 3


def second_call(run_id, **_):
    return count_call(run_id, "reschedule") >= 2


with DAG(
    "conformance",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    catchup=False,
    params={"greeting": "hello", "number": 3},
    default_args={"retries": 0},
    tags=["conformance"],
):
    bash = BashOperator(
        task_id="bash",
        bash_command=(
            "echo first line; echo '{{ ds }} {{ ts }} {{ ts_nodash }} {{ params.greeting }}"
            ' {{ params.number + 1 }} {{ dag_run.conf.get("who", "nobody") }}'
            " {{ macros.ds_add(ds, 5) }} {{ ti.task_id }} {{ run_id }} {{ task.task_id }}"
            " {{ data_interval_end | ds }} {{ logical_date.year }}'"
        ),
    )
    flaky = PythonOperator(
        task_id="flaky",
        python_callable=fail_once,
        retries=2,
        retry_delay=timedelta(seconds=0.2),
    )
    fail_now = PythonOperator(task_id="fail_now", python_callable=fail)
    fail_hard = PythonOperator(
        task_id="fail_hard",
        python_callable=fail_for_good,
        retries=3,
        retry_delay=timedelta(seconds=0.2),
    )
    skip_me = PythonOperator(task_id="skip_me", python_callable=skip, retries=3)
    too_slow = PythonOperator(
        task_id="too_slow",
        python_callable=sleep_long,
        execution_timeout=timedelta(seconds=1),
    )
    chooser = BranchPythonOperator(task_id="choose", python_callable=choose)
    pusher = PythonOperator(task_id="push", python_callable=push)
    not_chosen = EmptyOperator(task_id="not_chosen")
    flaky >> chooser >> [pusher, not_chosen]

    gate = ShortCircuitOperator(task_id="gate", python_callable=lambda: [])
    gated = EmptyOperator(task_id="gated")
    gate >> gated

    @task
    def make_numbers(n):
        return list(range(int(n)))

    @task(multiple_outputs=True)
    def statistics(numbers):
        return {"sum": sum(numbers), "count": len(numbers)}

    totals = statistics(make_numbers("{{ params.number }}"))

    puller = PythonOperator(
        task_id="pull",
        python_callable=pull,
        op_kwargs={
            "total": totals["sum"],
            "side": "{{ ti.xcom_pull(task_ids='push', key='side')['of'] | join('-') }}",
            "returned": "{{ ti.xcom_pull(task_ids='push') }}",
            "nested": {"list": ["{{ ds_nodash }}", 3], "{{ ds }}": ("{{ run_id }}",)},
            "conf": "{{ dag_run.conf }}",
        },
    )
    [pusher, bash] >> puller

    with TaskGroup("sensors") as sensors:
        PythonSensor(
            task_id="poke", python_callable=third_call, poke_interval=0.1, timeout=60
        ) >> PythonSensor(
            task_id="reschedule",
            python_callable=second_call,
            mode="reschedule",
            poke_interval=0.5,
            timeout=120,
        )

    upstream_of_rule = {
        "all_success": [fail_now, bash],
        "all_failed": [fail_now, fail_hard],
        "all_done": [too_slow, skip_me, sensors],
        "all_done_setup_success": [bash, fail_now],
        "one_success": [bash, fail_now],
        "one_failed": [bash, too_slow],
        "one_done": [skip_me, fail_hard],
        "none_failed": [bash, skip_me, not_chosen],
        "none_failed_or_skipped": [pusher, not_chosen, gated],
        "none_skipped": [bash, skip_me],
        "dummy": [not_chosen],
        "always": [fail_hard],
        "none_failed_min_one_success": [pusher, not_chosen, puller],
        "all_skipped": [skip_me, not_chosen],
    }
    for rule, upstream in upstream_of_rule.items():
        upstream >> EmptyOperator(task_id=f"rule_{rule}", trigger_rule=rule)

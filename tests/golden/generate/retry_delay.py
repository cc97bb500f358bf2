"""Write retry_delay.json: how long Airflow 2.10.5 waits before a retry.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python retry_delay.py OUTPUT_FOLDER

`seconds` = TaskInstance.next_retry_datetime() - end_date. `try_number` is the task instance's
at that moment, i.e. the number of the try that has just failed (1 after the first).
`logical_date` is the string that goes into the hash, as Airflow formats it.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
from airflow import DAG
from airflow.models.taskinstance import TaskInstance
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType

END = datetime(2024, 5, 5, 12, tzinfo=timezone.utc)
KEYS = (
    ("etl", "load", "2024-01-01T00:00:00+00:00"),
    ("etl", "group.load", "2024-01-01T00:00:00.123456+00:00"),
    ("a-dag.v2", "extract_1", "2023-10-29T01:30:00+00:00"),
)
DELAYS_S = (0, 0.25, 0.5, 1, 1.5, 7, 60, 300, 86400)
TRIES = (1, 2, 3, 4, 5, 8, 12, 20, 60)
CAPS_S = (None, 0.1, 10, 600, 172800)


def rows(session) -> list[dict[str, object]]:
    found = []
    for dag_id, task_id, logical in KEYS:
        instance = make_instance(session, dag_id, task_id, logical)
        found += plain_rows(instance)
        found += exponential_rows(instance)
    return found


def make_instance(session, dag_id: str, task_id: str, logical: str) -> TaskInstance:
    moment = pendulum.parse(logical)
    dag = DAG(f"{dag_id}", start_date=moment, schedule=None)
    task = EmptyOperator(task_id=task_id, dag=dag)
    dag.sync_to_db(session=session)
    run = dag.create_dagrun(
        run_type=DagRunType.MANUAL,
        execution_date=moment,
        data_interval=(moment, moment),
        state=DagRunState.RUNNING,
        session=session,
    )
    session.flush()
    session.expire_all()
    instance = run.get_task_instance(task_id, session=session)
    instance.task = task
    return instance


def ask(instance: TaskInstance, delay_s: float, cap_s: float | None, number: int, *, grow: bool):
    instance.task.retry_delay = timedelta(seconds=delay_s)
    instance.task.max_retry_delay = None if cap_s is None else timedelta(seconds=cap_s)
    instance.task.retry_exponential_backoff = grow
    instance.try_number = number
    instance.end_date = END
    return {
        "dag_id": instance.dag_id,
        "task_id": instance.task_id,
        "logical_date": str(instance.execution_date),
        "retry_delay_s": delay_s,
        "exponential": grow,
        "max_retry_delay_s": cap_s,
        "try_number": number,
        "seconds": (instance.next_retry_datetime() - END).total_seconds(),
    }


def plain_rows(instance: TaskInstance) -> list[dict[str, object]]:
    return [
        ask(instance, delay, cap, number, grow=False)
        for delay in (0, 0.5, 300)
        for cap in (None, 0.1)
        for number in (1, 5)
    ]


def exponential_rows(instance: TaskInstance) -> list[dict[str, object]]:
    return [
        ask(instance, delay, cap, number, grow=True)
        for delay, cap, number in itertools.product(DELAYS_S, CAPS_S, TRIES)
        if cap is None or number in (2, 8)
    ]


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    with create_session() as session:
        found = rows(session)
        session.rollback()
    keys = list(found[0])
    lines = ",\n".join("  " + json.dumps([row[key] for key in keys]) for row in found)
    head = f' "airflow": "2.10.5",\n "columns": {json.dumps(keys)},\n'
    text = "{\n" + head + f' "rows": [\n{lines}\n ]\n}}\n'
    (output / "retry_delay.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

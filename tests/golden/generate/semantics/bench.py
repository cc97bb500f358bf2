"""One DAG run in this process, and small tasks for it."""

from __future__ import annotations

import re
import time

import pendulum
from airflow import DAG
from airflow.exceptions import AirflowSkipException
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import clear_task_instances
from airflow.operators.python import PythonOperator
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType

MOMENT = pendulum.datetime(2024, 1, 1, tz="UTC")
DEADLINE_S = 60


def make_dag(dag_id: str, **arguments) -> DAG:
    return DAG(
        dag_id,
        start_date=MOMENT,
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,
        **arguments,
    )


def start_run(dag: DAG, session, *, day: int = 0, conf=None, kind=DagRunType.MANUAL) -> DagRun:
    dag.sync_to_db(session=session)
    moment = MOMENT.add(days=day)
    run = dag.create_dagrun(
        run_type=kind,
        execution_date=moment,
        data_interval=(moment, moment),
        state=DagRunState.RUNNING,
        start_date=pendulum.now("UTC"),
        conf=conf,
        session=session,
    )
    session.commit()
    return run


def one_pass(dag: DAG, run: DagRun, session, watch=None) -> None:
    """Schedule and run what is ready now, as `dag.test` does."""
    session.expire_all()
    run.dag = dag
    ready, _ = run.update_state(session=session)
    for ti in ready:
        if ti.state != TaskInstanceState.UP_FOR_RESCHEDULE:
            ti.try_number += 1
        ti.state = TaskInstanceState.SCHEDULED
    session.commit()
    for ti in run.get_task_instances(state=[TaskInstanceState.SCHEDULED], session=session):
        ti.task = dag.get_task(ti.task_id)
        if watch:
            watch("scheduled", ti)
        try:
            ti._run_raw_task(session=session)
        except Exception:  # noqa: BLE001, S110 - the outcome is in the row
            pass
        ti.refresh_from_db(session=session)
        if watch:
            watch("ran", ti)


def run_to_end(dag: DAG, run: DagRun, session, watch=None) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while run.state == DagRunState.RUNNING and time.monotonic() < deadline:
        one_pass(dag, run, session, watch)
        time.sleep(0.05)
    return str(run.state)


def states(run: DagRun, session) -> dict[str, str]:
    session.expire_all()
    found = run.get_task_instances(session=session)
    return {
        ti.task_id: ti.state and str(ti.state) for ti in sorted(found, key=lambda ti: ti.task_id)
    }


def run_dag(dag: DAG, session, **arguments) -> dict[str, object]:
    run = start_run(dag, session, **arguments)
    state = run_to_end(dag, run, session)
    return {"dag_run": state, "tasks": states(run, session)}


def boom(**_):
    raise ValueError("boom")


def skip(**_):
    raise AirflowSkipException("skip")


def python(task_id: str, call=lambda: None, **arguments) -> PythonOperator:
    return PythonOperator(task_id=task_id, python_callable=call, **arguments)


def clear(run: DagRun, dag: DAG, session, *task_ids: str) -> DagRun:
    """Clear these tasks and return the run, read again: a run in hand may be detached."""
    wanted = [ti for ti in run.get_task_instances(session=session) if ti.task_id in task_ids]
    clear_task_instances(wanted, session, dag=dag)
    session.commit()
    session.expire_all()
    return session.query(DagRun).filter_by(dag_id=run.dag_id, run_id=run.run_id).one()


def refused(make, attribute: str = "") -> str:
    """Return the error, or what became of the argument; sets have no order, so they are cut."""
    try:
        made = make()
    except Exception as error:  # noqa: BLE001 - the error is the answer
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return re.sub(r"\{<.*>\}", "{...}", text)
    return f"accepted as {getattr(made, attribute)!r}" if hasattr(made, attribute) else "accepted"

"""States and ids of runs, params, XCom."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pendulum
from airflow import DAG
from airflow.models.dagrun import DagRun
from airflow.models.param import Param
from airflow.models.xcom import XCom
from airflow.operators.empty import EmptyOperator
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from bench import (
    MOMENT,
    boom,
    make_dag,
    one_pass,
    python,
    run_dag,
    run_to_end,
    skip,
    start_run,
    states,
)


def run_states(session) -> dict[str, object]:
    found = {}
    with make_dag("leaf_skipped") as dag:
        EmptyOperator(task_id="first") >> python("leaf", skip)
    found["the only leaf is skipped"] = run_dag(dag, session)
    with make_dag("leaf_upstream_failed") as dag:
        python("first", boom) >> EmptyOperator(task_id="leaf")
    found["the only leaf is upstream_failed"] = run_dag(dag, session)
    with make_dag("leaf_rescued") as dag:
        python("first", boom) >> EmptyOperator(task_id="leaf", trigger_rule="all_done")
    found["a failed task, but the leaf succeeds"] = run_dag(dag, session)
    with make_dag("one_leaf_failed") as dag:
        EmptyOperator(task_id="good")
        python("bad", boom)
    found["one leaf of two failed"] = run_dag(dag, session)
    with make_dag("all_skipped") as dag:
        python("first", skip) >> EmptyOperator(task_id="leaf")
    found["every task is skipped"] = run_dag(dag, session)
    with make_dag("no_tasks") as dag:
        pass
    found["a DAG without tasks"] = run_dag(dag, session)
    with make_dag("teardown_failed") as dag:
        work = EmptyOperator(task_id="work")
        work >> python("teardown", boom).as_teardown(setups=EmptyOperator(task_id="setup"))
    found["only the teardown failed"] = run_dag(dag, session)
    with make_dag("teardown_failed_counts") as dag:
        work = EmptyOperator(task_id="work")
        work >> python("teardown", boom).as_teardown(
            setups=EmptyOperator(task_id="setup"), on_failure_fail_dagrun=True
        )
    found["only the teardown failed, on_failure_fail_dagrun"] = run_dag(dag, session)
    with make_dag("fail_stop", fail_stop=True) as dag:
        python("bad", boom)
        EmptyOperator(task_id="first") >> python("second") >> EmptyOperator(task_id="third")
    found["fail_stop"] = run_dag(dag, session)
    found["deadlock"] = deadlock(session)
    return found


def deadlock(session) -> dict[str, object]:
    """A task waits for a removed one: nothing can ever run."""
    with make_dag("deadlock") as dag:
        EmptyOperator(task_id="first") >> EmptyOperator(task_id="leaf")
    run = start_run(dag, session)
    ti = run.get_task_instance("first", session=session)
    ti.state = TaskInstanceState.REMOVED
    session.commit()
    state = run_to_end(dag, run, session)
    removed = {"dag_run": state, "tasks": states(run, session)}
    with make_dag("deadlock_past") as dag:
        EmptyOperator(task_id="work", depends_on_past=True)
    first = start_run(dag, session)
    first.get_task_instance("work", session=session).state = TaskInstanceState.FAILED
    first.state = DagRunState.FAILED
    session.commit()
    second = start_run(dag, session, day=1)
    one_pass(dag, second, session)
    past = {"dag_run after one pass": str(second.state), "tasks": states(second, session)}
    return {
        "the upstream of an all_success task is removed": removed,
        "depends_on_past and the previous failed": past,
    }


def run_ids(session) -> dict[str, str]:
    moments = (
        MOMENT,
        MOMENT.add(microseconds=123456),
        pendulum.datetime(2024, 1, 1, tz="Asia/Seoul"),
    )
    return {
        f"{kind.value} {moment.isoformat()}": DagRun.generate_run_id(kind, moment)
        for kind in DagRunType
        for moment in moments[: 3 if kind == DagRunType.MANUAL else 1]
    }


def params(session) -> dict[str, object]:
    declared = {
        "plain": 1,
        "typed": Param(5, type="integer", minimum=3),
        "text": Param("x", type="string", maxLength=3),
        "none": None,
    }
    found = {
        "declared": "plain=1, typed=Param(5, integer, minimum 3), text=Param('x', string, maxLength 3), none=None"
    }
    cases = {
        "no conf": None,
        "conf overrides": {"plain": "text", "typed": 7},
        "conf adds an undeclared key": {"other": [1]},
        "conf nested": {"none": {"a": 1}},
        "wrong type": {"typed": "seven"},
        "below minimum": {"typed": 1},
        "too long": {"text": "xxxx"},
    }
    for label, conf in cases.items():
        seen: dict[str, object] = {}

        def look(params, dag_run, seen=seen, **_):
            seen["params"] = dict(params)
            seen["dag_run.conf"] = dag_run.conf

        try:
            with make_dag(f"params_{label.replace(' ', '_')}", params=declared) as dag:
                python("look", look, params={"of_task": True, "plain": 2})
            run = start_run(dag, session, conf=conf)
            seen["dag_run"] = run_to_end(dag, run, session)
        except Exception as error:  # noqa: BLE001 - the error is the answer
            session.rollback()
            seen["error"] = f"{type(error).__name__}: {error}"
        found[label] = dict(seen)
    for label, make in {
        "default of the wrong type": lambda: make_dag(
            "p1", params={"a": Param("x", type="integer")}
        ),
        "no default": lambda: make_dag("p2", params={"a": Param(type="integer")}),
        "no default, scheduled": lambda: DAG(
            "p3", start_date=MOMENT, schedule="@daily", params={"a": Param(type="integer")}
        ),
    }.items():
        try:
            dag = make()
            dag.validate()
            found[label] = "accepted"
            start_run(dag, session)
        except Exception as error:  # noqa: BLE001 - the error is the answer
            session.rollback()
            found[label] = f"{found.get(label, 'refused')}; {type(error).__name__}: {error}"
    return found


def xcom(session) -> dict[str, object]:
    values = {
        "None": None,
        "0": 0,
        "empty string": "",
        "list": [1],
        "tuple": (1, 2),
        "dict int key": {1: "a"},
        "set": {1},
        "datetime": datetime(2024, 1, 1, tzinfo=timezone.utc),
        "bytes": b"x",
        "object": object(),
        "nan": float("nan"),
        "timedelta": timedelta(seconds=5),
    }
    found = {}
    for label, value in values.items():
        with make_dag(f"xcom_{label.replace(' ', '_')}") as dag:
            python("push", lambda value=value: value)
        run = start_run(dag, session)
        run_to_end(dag, run, session)
        rows = session.query(XCom).filter_by(dag_id=dag.dag_id).all()
        ti = run.get_task_instance("push", session=session)
        found[label] = {
            "stored": [row.key for row in rows],
            "pulled": repr(ti.xcom_pull(task_ids="push")) if rows else None,
            "state": str(ti.state),
        }
    return found | xcom_pulls(session)


def xcom_pulls(session) -> dict[str, object]:
    seen: dict[str, str] = {}

    def pull(ti, **_):
        calls = {
            "xcom_pull()": {},
            "xcom_pull(task_ids='a')": {"task_ids": "a"},
            "xcom_pull(task_ids=['a', 'b'])": {"task_ids": ["a", "b"]},
            "xcom_pull(task_ids=['a', 'none', 'nowhere'])": {"task_ids": ["a", "none", "nowhere"]},
            "xcom_pull(task_ids='nowhere')": {"task_ids": "nowhere"},
            "xcom_pull(task_ids='a', default=7, key='no')": {
                "task_ids": "a",
                "key": "no",
                "default": 7,
            },
            "xcom_pull(key='side')": {"key": "side"},
            "xcom_pull(task_ids='a', key=None)": {"task_ids": "a", "key": None},
        }
        for text, arguments in calls.items():
            value = ti.xcom_pull(**arguments)
            seen[text] = repr(value if isinstance(value, (str, int, type(None))) else list(value))

    def push(ti, **_):
        ti.xcom_push(key="side", value="S")
        return "A"

    with make_dag("xcom_pulls") as dag:
        [python("a", push), python("b", lambda: "B"), python("none")] >> python("pull", pull)
    seen["state"] = run_dag(dag, session)["tasks"]["pull"]
    return {"pulls (a pushed 'A' and side='S', b 'B', none nothing)": seen}

"""Write semantics.json: answers about Airflow 2.10.5, each found by running it.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python semantics.py OUTPUT_FOLDER

Tasks run in this process, the way `airflow dags test` runs them; limits between tasks and runs
are asked of the scheduler's own code. A "history" is a list of
[moment, state, try_number, max_tries] of one task instance.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
import time
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
from airflow import DAG
from airflow.decorators import task
from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.models.param import Param
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.models.xcom import XCom
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
)
from airflow.sensors.python import PythonSensor
from airflow.ti_deps.dep_context import DepContext
from airflow.ti_deps.deps.prev_dagrun_dep import PrevDagrunDep
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.task_group import TaskGroup
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
    return {ti.task_id: ti.state and str(ti.state) for ti in sorted(found, key=lambda ti: ti.task_id)}


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


# -- priority ---------------------------------------------------------------------------------


def priority_weights(session) -> dict[str, object]:
    """a >> [b, c] >> d, with weights 1, 2, 4, 8; and what is clamped."""
    found = {}
    for rule in ("downstream", "upstream", "absolute"):
        with make_dag(f"priority_{rule}") as dag:
            a, b, c, d = (
                EmptyOperator(task_id=name, priority_weight=weight, weight_rule=rule)
                for name, weight in (("a", 1), ("b", 2), ("c", 4), ("d", 8))
            )
            a >> [b, c] >> d
        found[rule] = {name: dag.get_task(name).priority_weight_total for name in "abcd"}
    with make_dag("priority_large") as dag:
        large = EmptyOperator(task_id="large", priority_weight=2**31)
        small = EmptyOperator(task_id="small", priority_weight=-(2**40))
    found["clamped"] = {
        "2**31": large.priority_weight_total,
        "-(2**40)": small.priority_weight_total,
    }
    return found


# -- tries ------------------------------------------------------------------------------------


def watcher(history: list):
    def watch(moment: str, ti: TaskInstance) -> None:
        history.append([moment, ti.state and str(ti.state), ti.try_number, ti.max_tries])

    return watch


def clear(run: DagRun, dag: DAG, session, *task_ids: str) -> DagRun:
    """Clear these tasks and return the run, read again: a run in hand may be detached."""
    wanted = [
        ti for ti in run.get_task_instances(session=session) if ti.task_id in task_ids
    ]
    clear_task_instances(wanted, session, dag=dag)
    session.commit()
    session.expire_all()
    return session.query(DagRun).filter_by(dag_id=run.dag_id, run_id=run.run_id).one()


def tries(session) -> dict[str, object]:
    found = {}
    seen_inside: list[int] = []

    def fail_twice(ti, **_):
        seen_inside.append(ti.try_number)
        if len(seen_inside) < 3:
            raise ValueError("again")

    with make_dag("tries_retry") as dag:
        python("work", fail_twice, retries=3, retry_delay=timedelta(seconds=0.01))
    found["retries=3, third try succeeds, then cleared"] = watched(dag, session, clear_once=True)
    found["ti.try_number seen by the callable in the four calls"] = list(seen_inside)

    with make_dag("tries_fail") as dag:
        python("work", boom, retries=1, retry_delay=timedelta(seconds=0.01))
    found["retries=1, always fails, then cleared"] = watched(dag, session, clear_once=True)

    polls: list[int] = []

    def third(ti, **_):
        polls.append(ti.try_number)
        return len(polls) >= 3

    with make_dag("tries_reschedule") as dag:
        PythonSensor(task_id="work", python_callable=third, mode="reschedule", poke_interval=0.01)
    found["reschedule sensor, third poke succeeds"] = watched(dag, session)
    found["ti.try_number seen by the pokes"] = list(polls)

    with make_dag("tries_fail_hard") as dag:
        python("work", lambda: (_ for _ in ()).throw(AirflowFailException("x")), retries=2)
    found["retries=2, AirflowFailException"] = watched(dag, session)

    with make_dag("tries_never") as dag:
        python("first", boom) >> python("work", retries=2)
    run = start_run(dag, session)
    run_to_end(dag, run, session)
    ti = run.get_task_instance("work", session=session)
    found["retries=2, upstream failed"] = [[None, str(ti.state), ti.try_number, ti.max_tries]]
    return found


def watched(dag: DAG, session, *, clear_once: bool = False) -> list:
    history: list = []
    watch = watcher(history)
    run = start_run(dag, session)
    watch("created", run.get_task_instance("work", session=session))
    run_to_end(dag, run, session, watch)
    if clear_once:
        run = clear(run, dag, session, "work")
        watch("cleared", run.get_task_instance("work", session=session))
        history.append(["dag run state after the clear", str(run.state)])
        run.state = DagRunState.RUNNING
        session.commit()
        run_to_end(dag, run, session, watch)
    return history


# -- branches, skips, clears ------------------------------------------------------------------


def clearing(session) -> dict[str, object]:
    found = {}
    choice = ["left"]
    with make_dag("clear_branch") as dag:
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: choice[0])
        branch >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    run = start_run(dag, session)
    run_to_end(dag, run, session)
    found["branch chose left"] = states(run, session)
    for label, ids, new in (
        ("only the skipped task is cleared", ["right"], "left"),
        ("branch is cleared alone, and now chooses right", ["branch"], "right"),
        ("branch with both downstream is cleared, chooses right", ["branch", "left", "right"], "right"),
    ):
        choice[0] = new
        run = clear(run, dag, session, *ids)
        run.state = DagRunState.RUNNING
        session.commit()
        run_to_end(dag, run, session)
        found[label] = states(run, session) | {"dag_run": str(run.state)}

    with make_dag("clear_skip") as dag:
        python("upstream", skip) >> EmptyOperator(task_id="downstream")
    run = start_run(dag, session)
    run_to_end(dag, run, session)
    dag.get_task("upstream").python_callable = lambda: None
    run = clear(run, dag, session, "upstream")
    run.state = DagRunState.RUNNING
    session.commit()
    run_to_end(dag, run, session)
    found["skipped upstream cleared alone, then succeeds"] = states(run, session)
    return found


def branch_returns(session) -> dict[str, object]:
    found = {}
    for label, value in (
        ("one id", "left"),
        ("list of both", ["left", "right"]),
        ("empty list", []),
        ("None", None),
        ("unknown id", "nowhere"),
        ("not a direct downstream", "after_left"),
        ("itself", "branch"),
        ("a number", 3),
    ):
        with make_dag(f"branch_{label.replace(' ', '_')}") as dag:
            branch = BranchPythonOperator(
                task_id="branch", python_callable=lambda value=value: value
            )
            left = EmptyOperator(task_id="left")
            join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
            branch >> left >> EmptyOperator(task_id="after_left") >> join
            branch >> EmptyOperator(task_id="right") >> join
            branch >> EmptyOperator(task_id="always", trigger_rule="all_done")
        found[label] = run_dag(dag, session)
    return found


def short_circuit(session) -> dict[str, object]:
    found = {}
    for ignore in (True, False):
        with make_dag(f"short_circuit_{ignore}") as dag:
            gate = ShortCircuitOperator(
                task_id="gate",
                python_callable=lambda: False,
                ignore_downstream_trigger_rules=ignore,
            )
            direct = EmptyOperator(task_id="direct")
            end = EmptyOperator(task_id="all_done", trigger_rule="all_done")
            gate >> direct >> end
            direct >> EmptyOperator(task_id="all_success")
        found[f"ignore_downstream_trigger_rules={ignore}"] = run_dag(dag, session)
    values = {}
    for value in (True, 1, "x", 0, None, [], ""):
        with make_dag(f"short_circuit_value_{value!r}".replace("'", "q").replace("[]", "list")) as dag:
            gate = ShortCircuitOperator(task_id="gate", python_callable=lambda value=value: value)
            gate >> EmptyOperator(task_id="after")
        values[repr(value)] = run_dag(dag, session)["tasks"]["after"]
    found["state of what comes after, by returned value"] = values
    return found


# -- states of a run --------------------------------------------------------------------------


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


# -- runs -------------------------------------------------------------------------------------


def run_ids(session) -> dict[str, str]:
    moments = (MOMENT, MOMENT.add(microseconds=123456), pendulum.datetime(2024, 1, 1, tz="Asia/Seoul"))
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
    found = {"declared": "plain=1, typed=Param(5, integer, minimum 3), text=Param('x', string, maxLength 3), none=None"}
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
        "default of the wrong type": lambda: make_dag("p1", params={"a": Param("x", type="integer")}),
        "no default": lambda: make_dag("p2", params={"a": Param(type="integer")}),
        "no default, scheduled": lambda: DAG("p3", start_date=MOMENT, schedule="@daily", params={"a": Param(type="integer")}),
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
        "None": None, "0": 0, "empty string": "", "list": [1], "tuple": (1, 2), "dict int key": {1: "a"},
        "set": {1}, "datetime": datetime(2024, 1, 1, tzinfo=timezone.utc), "bytes": b"x",
        "object": object(), "nan": float("nan"), "timedelta": timedelta(seconds=5),
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
            "xcom_pull(task_ids='a', default=7, key='no')": {"task_ids": "a", "key": "no", "default": 7},
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


# -- operators --------------------------------------------------------------------------------


def context_keys(session) -> dict[str, object]:
    found: dict[str, object] = {}
    values: dict[str, str] = {}

    def look(**context):
        found["template context"] = sorted(context)
        for key in ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "run_id",
                    "task_instance_key_str", "test_mode", "map_index_template", "prev_data_interval_start_success",
                    "data_interval_start", "data_interval_end", "logical_date", "expanded_ti_count"):
            values[key] = repr(context[key])
        found["macros"] = sorted(name for name in dir(context["macros"]) if not name.startswith("_"))

    def note(name):
        def callback(context):
            found.setdefault(name, sorted(context))
            if "exception" in context:
                found[f"{name}: exception"] = type(context["exception"]).__name__
            if "reason" in context:
                found[f"{name}: reason"] = context["reason"]

        return callback

    with make_dag(
        "context", on_success_callback=note("DAG on_success"), on_failure_callback=note("DAG on_failure")
    ) as dag:
        python("look", look, on_success_callback=note("on_success"), on_execute_callback=note("on_execute"))
    ends = [run_dag(dag, session)["dag_run"]]
    with make_dag("context_fail", on_failure_callback=note("DAG on_failure")) as dag:
        python("skip", skip, on_skipped_callback=note("on_skipped")) >> EmptyOperator(task_id="x")
        python("fail", boom, retries=1, retry_delay=timedelta(0), on_retry_callback=note("on_retry"),
               on_failure_callback=note("on_failure"))
    run = start_run(dag, session)
    ends.append(run_to_end(dag, run, session))
    for name, dag_id, good in (("DAG on_success", "context", True), ("DAG on_failure", "context_fail", False)):
        run = session.query(DagRun).filter_by(dag_id=dag_id).one()
        dag = run.dag if run.dag else dag
        dag.handle_callback(run, success=good, reason="the reason", session=session)
    for name in [name for name in found if "on_" in name and isinstance(found[name], list)]:
        found[name] = {
            "beside the template context": sorted(set(found[name]) - set(found["template context"])),
            "missing from it": sorted(set(found["template context"]) - set(found[name])),
        }
    found["example values"] = values
    found["ends"] = ends
    return found


def bash(session) -> dict[str, object]:
    found = {}
    os.environ["OUTER"] = "outer"
    folder = Path(tempfile.mkdtemp())
    script = folder / "script.sh"
    script.write_text("echo from {{ ds }}\n")
    note_file = folder / "note.txt"
    note_file.write_text("")
    cases = {
        "exit 99": {"bash_command": "exit 99"},
        "exit 99, skip_on_exit_code=None": {"bash_command": "exit 99", "skip_on_exit_code": None},
        "exit 3, skip_on_exit_code=[3, 4]": {"bash_command": "exit 3", "skip_on_exit_code": [3, 4]},
        "exit 1": {"bash_command": "exit 1"},
        "last line of output": {"bash_command": "echo one; echo two; echo three >&2; echo"},
        "spaces at the end of the line": {"bash_command": "printf '  x  \\n'"},
        "nothing printed": {"bash_command": "true"},
        "output_processor": {"bash_command": "echo 41", "output_processor": lambda text: int(text) + 1},
        "env replaces": {"bash_command": "echo \"$OUTER-$MINE\"", "env": {"MINE": "{{ ds }}"}},
        "append_env": {"bash_command": "echo \"$OUTER-$MINE\"", "env": {"MINE": "m"}, "append_env": True},
        "no env": {"bash_command": "echo \"$OUTER\""},
        "AIRFLOW_CTX names": {"bash_command": "env | grep ^AIRFLOW_CTX | cut -d= -f1 | sort | tr '\\n' ' '"},
        "AIRFLOW_CTX names, env replaces": {"bash_command": "env | cut -d= -f1 | sort | tr '\\n' ' '", "env": {"MINE": "m"}},
        "cwd": {"bash_command": "basename \"$PWD\"", "cwd": "/usr/lib"},
        "cwd missing": {"bash_command": "true", "cwd": "/no/such/folder"},
        "cwd a file": {"bash_command": "true", "cwd": str(note_file)},
        "template file": {"bash_command": "script.sh"},
        "script not found": {"bash_command": "missing.sh"},
        "script, space at the end": {"bash_command": "bash /no/such/script.sh "},
        "pipe failure": {"bash_command": "false | true"},
        "undefined variable in the template": {"bash_command": "echo {{ nothing_here }}"},
        "undefined attribute in the template": {"bash_command": "echo {{ params.nothing_here }}"},
        "not a string": {"bash_command": 5},
        "do_xcom_push=False": {"bash_command": "echo x", "do_xcom_push": False},
        "bytes that are not UTF-8": {"bash_command": "printf '\\xff\\xfe\\n'"},
    }
    for number, (label, arguments) in enumerate(cases.items()):
        errors: list[str] = []

        def note(context, errors=errors):
            error = context["exception"]
            text = f"{type(error).__name__}: {error}".replace(str(folder), "$SEARCHPATH")
            errors.append(text.replace(str(Path(__file__).parent), "$DAG_FOLDER"))

        try:
            with make_dag(f"bash_{number}", template_searchpath=str(folder)) as dag:
                BashOperator(task_id="run", on_failure_callback=note, **arguments)
            run = start_run(dag, session)
            run_to_end(dag, run, session)
            ti = run.get_task_instance("run", session=session)
            found[label] = {"state": str(ti.state), "xcom": ti.xcom_pull(task_ids="run")}
        except Exception as error:  # noqa: BLE001 - the error is the answer
            session.rollback()
            found[label] = {"refused": f"{type(error).__name__}: {error}"}
        if errors:
            found[label]["error"] = errors[0]
    return found


def decorators(session) -> dict[str, object]:
    """Task ids, multiple outputs and the types that @task accepts."""
    with make_dag("decorators") as dag:

        @task
        def add(x, y=1):
            return x + y

        @task
        def typed() -> dict[str, int]:
            return {"a": 1, "b": 2}

        @task(multiple_outputs=False)
        def whole() -> dict:
            return {"a": 1}

        one = add(1)
        add(one, y=add(2))
        add.override(task_id="named")(5)
        typed()
        whole()
    ids = sorted(dag.task_ids)
    run = start_run(dag, session)
    run_to_end(dag, run, session)
    stored: dict[str, list[str]] = {}
    for row in session.query(XCom).filter_by(dag_id="decorators"):
        stored.setdefault(row.task_id, []).append(row.key)
    return {"task ids": ids, "stored XComs": {key: sorted(value) for key, value in sorted(stored.items())}}


def groups(session) -> dict[str, object]:
    """Ids in task groups, and which default wins."""
    found: dict[str, object] = {}
    with make_dag("groups", default_args={"retries": 1, "owner": "dag", "queue": "of_dag"}) as dag:
        with TaskGroup("outer", default_args={"retries": 2, "owner": "group"}) as outer:
            EmptyOperator(task_id="a")
            EmptyOperator(task_id="b", retries=3)
            with TaskGroup("inner", default_args={"owner": "inner"}):
                EmptyOperator(task_id="c")
            with TaskGroup("bare", prefix_group_id=False):
                EmptyOperator(task_id="d")
        with TaskGroup("outer_two", add_suffix_on_collision=True):
            EmptyOperator(task_id="a")
        with TaskGroup("outer", add_suffix_on_collision=True) as again:
            EmptyOperator(task_id="e")
        start, end = EmptyOperator(task_id="start"), EmptyOperator(task_id="end")
        start >> outer >> end
    for item in sorted(dag.tasks, key=lambda item: item.task_id):
        found[item.task_id] = {
            "retries": item.retries,
            "owner": item.owner,
            "queue": item.queue,
            "downstream": sorted(item.downstream_task_ids),
        }
    found["id of the second group 'outer'"] = again.group_id
    with make_dag("groups_bad"):
        with TaskGroup("same"):
            pass
        found["two groups of one id"] = refused(lambda: TaskGroup("same"))
        found["group_id with a dot"] = refused(lambda: TaskGroup("a.b"))
        found["group_id with a space"] = refused(lambda: TaskGroup("a b"))
        found["empty group_id"] = refused(lambda: TaskGroup(""))
        found["task of a group's id"] = refused(lambda: EmptyOperator(task_id="same"))
    return found


def sensors(session) -> dict[str, object]:
    found = {}
    cases = {
        "timeout": {"timeout": 0.05},
        "timeout, retries=2": {"timeout": 0.05, "retries": 2},
        "timeout, soft_fail": {"timeout": 0.05, "soft_fail": True},
        "reschedule, timeout": {"timeout": 0.2, "mode": "reschedule"},
        "reschedule, timeout, soft_fail": {"timeout": 0.2, "mode": "reschedule", "soft_fail": True},
    }
    for number, (label, arguments) in enumerate(cases.items()):
        with make_dag(f"sensor_{number}") as dag:
            sensor = PythonSensor(
                task_id="wait", python_callable=lambda: False, poke_interval=0.02, **arguments
            )
            sensor >> EmptyOperator(task_id="after")
        run = start_run(dag, session)
        run_to_end(dag, run, session)
        ti = run.get_task_instance("wait", session=session)
        found[label] = {"tasks": states(run, session), "try_number": ti.try_number}
    raising = {
        "poke raises": {"retries": 0},
        "poke raises, soft_fail": {"soft_fail": True},
        "poke raises, never_fail": {"never_fail": True},
        "poke raises, silent_fail": {"silent_fail": True, "timeout": 0.1},
        "poke raises AirflowSkipException": {"python_callable": skip},
        "poke raises AirflowFailException, retries=2": {
            "python_callable": lambda: (_ for _ in ()).throw(AirflowFailException("x")),
            "retries": 2,
        },
    }
    for number, (label, arguments) in enumerate(raising.items()):
        with make_dag(f"sensor_raises_{number}") as dag:
            PythonSensor(task_id="wait", poke_interval=0.02, **({"python_callable": boom} | arguments))
        found[label] = run_dag(dag, session)["tasks"]
    for label, arguments in {
        "mode='other'": {"mode": "other"},
        "poke_interval=-1": {"poke_interval": -1},
        "timeout=-1": {"timeout": -1},
        "poke_interval='x'": {"poke_interval": "x"},
        "poke_interval=timedelta": {"poke_interval": timedelta(seconds=3)},
        "timeout='x'": {"timeout": "x"},
        "soft_fail and never_fail": {"soft_fail": True, "never_fail": True},
    }.items():
        found[label] = refused(lambda arguments=arguments: PythonSensor(
            task_id="x", python_callable=boom, dag=make_dag("sensor_bad"), **arguments),
            label.partition("=")[0])
    return found


def refused(make, attribute: str = "") -> str:
    """Return the error, or what became of the argument; sets have no order, so they are cut."""
    try:
        made = make()
    except Exception as error:  # noqa: BLE001 - the error is the answer
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return re.sub(r"\{<.*>\}", "{...}", text)
    return f"accepted as {getattr(made, attribute)!r}" if hasattr(made, attribute) else "accepted"


def refusals(session) -> dict[str, str]:
    """What the author is told, at the moment of making the DAG or the task."""
    dag = make_dag("refusals")
    cases = {
        "unknown argument": lambda: EmptyOperator(task_id="a", dag=dag, no_such=1),
        "missing argument": lambda: BashOperator(task_id="b", dag=dag),
        "missing task_id": lambda: EmptyOperator(dag=dag),
        "positional argument": lambda: BashOperator("c", "true"),
        "empty task_id": lambda: EmptyOperator(task_id="", dag=dag),
        "task_id with a slash": lambda: EmptyOperator(task_id="a/b", dag=dag),
        "task_id with a space": lambda: EmptyOperator(task_id="a b", dag=dag),
        "task_id of 251 characters": lambda: EmptyOperator(task_id="a" * 251, dag=dag),
        "task_id not a string": lambda: EmptyOperator(task_id=5, dag=dag),
        "task_id not ASCII": lambda: EmptyOperator(task_id="작업", dag=dag),
        "dag_id with a space": lambda: make_dag("a b"),
        "dag_id with a slash": lambda: make_dag("a/b"),
        "empty dag_id": lambda: make_dag(""),
        "dag_id not ASCII": lambda: make_dag("작업"),
        "duplicate task_id": lambda: [EmptyOperator(task_id="same", dag=dag) for _ in range(2)],
        "trigger_rule": lambda: EmptyOperator(task_id="d", dag=dag, trigger_rule="nope"),
        "weight_rule": lambda: EmptyOperator(task_id="e", dag=dag, weight_rule="nope"),
        "retries='x'": lambda: EmptyOperator(task_id="f", dag=dag, retries="x"),
        "retries='2'": lambda: EmptyOperator(task_id="f2", dag=dag, retries="2"),
        "retries=None": lambda: EmptyOperator(task_id="f3", dag=dag, retries=None),
        "retries=1.5": lambda: EmptyOperator(task_id="f4", dag=dag, retries=1.5),
        "retry_delay=5": lambda: EmptyOperator(task_id="g", dag=dag, retry_delay=5),
        "retry_delay='x'": lambda: EmptyOperator(task_id="h", dag=dag, retry_delay="x"),
        "execution_timeout=5": lambda: EmptyOperator(task_id="i", dag=dag, execution_timeout=5),
        "pool_slots=0": lambda: EmptyOperator(task_id="j", dag=dag, pool_slots=0),
        "priority_weight='x'": lambda: EmptyOperator(task_id="k", dag=dag, priority_weight="x"),
        "start_date='2024-01-01'": lambda: EmptyOperator(task_id="l", dag=dag, start_date="2024-01-01"),
        "python_callable=5": lambda: PythonOperator(task_id="m", dag=dag, python_callable=5),
        "depends_on_past=False, wait_for_downstream=True": lambda: EmptyOperator(
            task_id="n", dag=dag, depends_on_past=False, wait_for_downstream=True),
        "max_active_runs='x'": lambda: make_dag("d1", max_active_runs="x"),
        "default_args=5": lambda: make_dag("d2", default_args=5),
        "schedule and schedule_interval": lambda: DAG("d3", start_date=MOMENT, schedule="@daily", schedule_interval="@hourly"),
        "unknown DAG argument": lambda: make_dag("d4", no_such=1),
        "schedule without start_date": lambda: DAG("d5", schedule="@daily").validate(),
        "fail_stop and trigger_rule": lambda: EmptyOperator(
            task_id="o", dag=make_dag("d6", fail_stop=True), trigger_rule="all_done"),
        "task set twice downstream": lambda: _twice(make_dag("d7")),
        "cycle": lambda: _cycle(make_dag("d8")),
        "self loop": lambda: _self_loop(make_dag("d9")),
        "tasks of two DAGs": lambda: EmptyOperator(task_id="p", dag=make_dag("d10"))
        >> EmptyOperator(task_id="q", dag=make_dag("d11")),
        "@task on a number": lambda: task(5),
    }
    warnings.simplefilter("ignore")
    return {label: refused(make, label.partition("=")[0]) for label, make in cases.items()}


def _twice(dag: DAG) -> None:
    a, b = (EmptyOperator(task_id=name, dag=dag) for name in "ab")
    a >> b
    a >> b


def _cycle(dag: DAG) -> None:
    from airflow.utils.dag_cycle_tester import check_cycle

    a, b = (EmptyOperator(task_id=name, dag=dag) for name in "ab")
    a >> b >> a
    check_cycle(dag)


def _self_loop(dag: DAG) -> None:
    from airflow.utils.dag_cycle_tester import check_cycle

    a = EmptyOperator(task_id="a", dag=dag)
    a >> a
    check_cycle(dag)


# -- limits and the past ----------------------------------------------------------------------


def past(session) -> dict[str, object]:
    found = {}
    for label, arguments, first_state, after_state in (
        ("no previous run", {"depends_on_past": True}, "absent", None),
        ("previous succeeded", {"depends_on_past": True}, "success", "success"),
        ("previous skipped", {"depends_on_past": True}, "skipped", "success"),
        ("previous failed", {"depends_on_past": True}, "failed", "upstream_failed"),
        ("previous upstream_failed", {"depends_on_past": True}, "upstream_failed", None),
        ("previous still running", {"depends_on_past": True}, "running", None),
        ("wait_for_downstream, its downstream still runs", {"wait_for_downstream": True}, "success", "running"),
        ("wait_for_downstream, its downstream failed", {"wait_for_downstream": True}, "success", "failed"),
        ("wait_for_downstream, its downstream succeeded", {"wait_for_downstream": True}, "success", "success"),
        ("wait_for_downstream, its downstream was skipped", {"wait_for_downstream": True}, "success", "skipped"),
    ):
        for catchup in (True, False):
            name = f"past_{len(found)}"
            dag = DAG(name, start_date=MOMENT, schedule="@daily", catchup=catchup)
            work = EmptyOperator(task_id="work", dag=dag, **arguments)
            work >> EmptyOperator(task_id="after", dag=dag)
            if first_state != "absent":
                run = start_run(dag, session, kind=DagRunType.SCHEDULED)
                run.get_task_instance("work", session=session).state = TaskInstanceState(first_state)
                ti = run.get_task_instance("after", session=session)
                ti.state = after_state and TaskInstanceState(after_state)
                session.commit()
            now = start_run(dag, session, day=1, kind=DagRunType.SCHEDULED)
            found[f"{label}, catchup={catchup}"] = ask_past(now, work, session)
    found |= past_of_new_task(session)
    return found


def ask_past(run: DagRun, work, session) -> str:
    ti = run.get_task_instance("work", session=session)
    ti.task = work
    status = list(PrevDagrunDep().get_dep_statuses(ti, session, DepContext()))
    return "; ".join(f"{'met' if s.passed else 'not met'}: {s.reason}" for s in status) or "met"


def past_of_new_task(session) -> dict[str, object]:
    """A task that the previous run did not have yet; and manual runs between."""
    found = {}
    for ignore in (True, False):
        for catchup in (True, False):
            name = f"past_new_{ignore}_{catchup}"
            old = DAG(name, start_date=MOMENT, schedule="@daily", catchup=catchup)
            EmptyOperator(task_id="other", dag=old)
            start_run(old, session, kind=DagRunType.SCHEDULED)
            dag = DAG(name, start_date=MOMENT, schedule="@daily", catchup=catchup)
            work = EmptyOperator(
                task_id="work", dag=dag, depends_on_past=True, ignore_first_depends_on_past=ignore
            )
            now = start_run(dag, session, day=1, kind=DagRunType.SCHEDULED)
            label = f"new task, ignore_first_depends_on_past={ignore}, catchup={catchup}"
            found[label] = ask_past(now, work, session)
    for catchup in (True, False):
        dag = DAG(f"past_manual_{catchup}", start_date=MOMENT, schedule="@daily", catchup=catchup)
        work = EmptyOperator(task_id="work", dag=dag, depends_on_past=True)
        run = start_run(dag, session, kind=DagRunType.MANUAL)
        run.get_task_instance("work", session=session).state = TaskInstanceState.FAILED
        session.commit()
        now = start_run(dag, session, day=1, kind=DagRunType.SCHEDULED)
        found[f"the previous run is manual and failed, catchup={catchup}"] = ask_past(now, work, session)
    return found


def limits(session) -> dict[str, object]:
    """Which scheduled task instances the scheduler would queue in one pass."""
    found = {}
    for label, of_dag, of_task, runs in (
        ("max_active_tis_per_dag=1, two runs of 3 tasks", {}, {"max_active_tis_per_dag": 1}, 2),
        ("max_active_tis_per_dagrun=1, two runs of 3 tasks", {}, {"max_active_tis_per_dagrun": 1}, 2),
        ("max_active_tasks=2, two runs of 3 tasks", {"max_active_tasks": 2}, {}, 2),
        ("pool of 3 slots, pool_slots=2", {}, {"pool": "three", "pool_slots": 2}, 1),
        ("pool that does not exist", {}, {"pool": "nowhere"}, 1),
        ("pool of 1 slot, pool_slots=2", {}, {"pool": "one", "pool_slots": 2}, 1),
        ("priorities 1, 5, 3", {}, None, 1),
    ):
        found[label] = queued(session, f"limits_{len(found)}", of_dag, of_task, runs)
    return found


def queued(session, name: str, of_dag, of_task, runs: int) -> list[str]:
    from airflow.models.pool import Pool

    for pool, slots in (("three", 3), ("one", 1)):
        Pool.create_or_update_pool(pool, slots, "", include_deferred=False, session=session)
    with make_dag(name, **of_dag) as dag:
        for task_id, weight in (("a", 1), ("b", 5), ("c", 3)):
            EmptyOperator(task_id=task_id, **({"priority_weight": weight} if of_task is None else of_task))
    made = [start_run(dag, session, day=day) for day in range(runs)]
    for run in made:
        for ti in run.get_task_instances(session=session):
            ti.state = TaskInstanceState.SCHEDULED
    session.commit()
    runner = SchedulerJobRunner(Job())
    runner.dagbag = DagBag(dag_folder=os.devnull, include_examples=False)
    runner.dagbag.dags[name] = dag
    tis = runner._executable_task_instances_to_queued(max_tis=32, session=session)
    answer = [f"{ti.execution_date:%m-%d} {ti.task_id}" for ti in tis if ti.dag_id == name]
    for run in made:
        run.state = DagRunState.SUCCESS
        for ti in run.get_task_instances(session=session):
            ti.state = TaskInstanceState.SUCCESS
    session.commit()
    return answer


SECTIONS = (
    priority_weights, tries, clearing, branch_returns, short_circuit, run_states, run_ids, params,
    xcom, context_keys, bash, decorators, groups, sensors, refusals, past, limits,
)  # fmt: skip


def write(path: Path, data: dict[str, object]) -> None:
    parts = []
    for name, section in data.items():
        if isinstance(section, dict):
            lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in section.items())
            parts.append(f' "{name}": {{\n{lines}\n }}')
        else:
            parts.append(f' "{name}": {json.dumps(section)}')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    data: dict[str, object] = {"airflow": "2.10.5"}
    for section in SECTIONS:
        with create_session() as session:
            data[section.__name__] = section(session)
        write(output / "semantics.json", data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

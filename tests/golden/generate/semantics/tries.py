"""Try numbers, clearing, branches and short circuits."""

from __future__ import annotations

from datetime import timedelta

from airflow import DAG
from airflow.exceptions import AirflowFailException
from airflow.models.taskinstance import TaskInstance
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator, ShortCircuitOperator
from airflow.sensors.python import PythonSensor
from airflow.utils.state import DagRunState
from bench import boom, clear, make_dag, python, run_dag, run_to_end, skip, start_run, states


def watcher(history: list):
    def watch(moment: str, ti: TaskInstance) -> None:
        history.append([moment, ti.state and str(ti.state), ti.try_number, ti.max_tries])

    return watch


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
        (
            "branch with both downstream is cleared, chooses right",
            ["branch", "left", "right"],
            "right",
        ),
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
        with make_dag(
            f"short_circuit_value_{value!r}".replace("'", "q").replace("[]", "list")
        ) as dag:
            gate = ShortCircuitOperator(task_id="gate", python_callable=lambda value=value: value)
            gate >> EmptyOperator(task_id="after")
        values[repr(value)] = run_dag(dag, session)["tasks"]["after"]
    found["state of what comes after, by returned value"] = values
    return found

"""Task groups, and what an author is told about a mistake."""

from __future__ import annotations

import warnings

from airflow import DAG
from airflow.decorators import task
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.task_group import TaskGroup
from bench import MOMENT, make_dag, refused


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
        "start_date='2024-01-01'": lambda: EmptyOperator(
            task_id="l", dag=dag, start_date="2024-01-01"
        ),
        "python_callable=5": lambda: PythonOperator(task_id="m", dag=dag, python_callable=5),
        "depends_on_past=False, wait_for_downstream=True": lambda: EmptyOperator(
            task_id="n", dag=dag, depends_on_past=False, wait_for_downstream=True
        ),
        "max_active_runs='x'": lambda: make_dag("d1", max_active_runs="x"),
        "default_args=5": lambda: make_dag("d2", default_args=5),
        "schedule and schedule_interval": lambda: DAG(
            "d3", start_date=MOMENT, schedule="@daily", schedule_interval="@hourly"
        ),
        "unknown DAG argument": lambda: make_dag("d4", no_such=1),
        "schedule without start_date": lambda: DAG("d5", schedule="@daily").validate(),
        "fail_stop and trigger_rule": lambda: EmptyOperator(
            task_id="o", dag=make_dag("d6", fail_stop=True), trigger_rule="all_done"
        ),
        "task set twice downstream": lambda: _twice(make_dag("d7")),
        "cycle": lambda: _cycle(make_dag("d8")),
        "self loop": lambda: _self_loop(make_dag("d9")),
        "tasks of two DAGs": lambda: (
            EmptyOperator(task_id="p", dag=make_dag("d10"))
            >> EmptyOperator(task_id="q", dag=make_dag("d11"))
        ),
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

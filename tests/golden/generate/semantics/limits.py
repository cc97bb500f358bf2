"""Priorities, the past, pools and other limits."""

from __future__ import annotations

import os

from airflow import DAG
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.operators.empty import EmptyOperator
from airflow.ti_deps.dep_context import DepContext
from airflow.ti_deps.deps.prev_dagrun_dep import PrevDagrunDep
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from bench import MOMENT, make_dag, start_run


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


def past(session) -> dict[str, object]:
    found = {}
    for label, arguments, first_state, after_state in (
        ("no previous run", {"depends_on_past": True}, "absent", None),
        ("previous succeeded", {"depends_on_past": True}, "success", "success"),
        ("previous skipped", {"depends_on_past": True}, "skipped", "success"),
        ("previous failed", {"depends_on_past": True}, "failed", "upstream_failed"),
        ("previous upstream_failed", {"depends_on_past": True}, "upstream_failed", None),
        ("previous still running", {"depends_on_past": True}, "running", None),
        (
            "wait_for_downstream, its downstream still runs",
            {"wait_for_downstream": True},
            "success",
            "running",
        ),
        (
            "wait_for_downstream, its downstream failed",
            {"wait_for_downstream": True},
            "success",
            "failed",
        ),
        (
            "wait_for_downstream, its downstream succeeded",
            {"wait_for_downstream": True},
            "success",
            "success",
        ),
        (
            "wait_for_downstream, its downstream was skipped",
            {"wait_for_downstream": True},
            "success",
            "skipped",
        ),
    ):
        for catchup in (True, False):
            name = f"past_{len(found)}"
            dag = DAG(name, start_date=MOMENT, schedule="@daily", catchup=catchup)
            work = EmptyOperator(task_id="work", dag=dag, **arguments)
            work >> EmptyOperator(task_id="after", dag=dag)
            if first_state != "absent":
                run = start_run(dag, session, kind=DagRunType.SCHEDULED)
                run.get_task_instance("work", session=session).state = TaskInstanceState(
                    first_state
                )
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
        found[f"the previous run is manual and failed, catchup={catchup}"] = ask_past(
            now, work, session
        )
    return found


def limits(session) -> dict[str, object]:
    """Which scheduled task instances the scheduler would queue in one pass."""
    found = {}
    for label, of_dag, of_task, runs in (
        ("max_active_tis_per_dag=1, two runs of 3 tasks", {}, {"max_active_tis_per_dag": 1}, 2),
        (
            "max_active_tis_per_dagrun=1, two runs of 3 tasks",
            {},
            {"max_active_tis_per_dagrun": 1},
            2,
        ),
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
            EmptyOperator(
                task_id=task_id, **({"priority_weight": weight} if of_task is None else of_task)
            )
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

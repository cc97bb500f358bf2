"""An instance that is deferred keeps its run going, and goes on to fail once its time is over."""

from __future__ import annotations

from dataclasses import replace

from airflow_lite.scheduler.planner.advance import advance
from airflow_lite.scheduler.planner.instance import Facts, Instance
from airflow_lite.scheduler.planner.model import Change, Run
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import DagRunState, TaskInstanceState

DAG = DagSpec(
    "d", tasks={"a": TaskSpec("a", downstream=("b",)), "b": TaskSpec("b", upstream=("a",))}
)
DEFERRED, SCHEDULED = TaskInstanceState.DEFERRED, TaskInstanceState.SCHEDULED
FACTS = Facts()


def run_with(**columns):
    """Return a run whose first task is deferred under the token `x`, in its first try."""
    first = Instance(1, "a", state=DEFERRED, attempt="x", try_number=1, **columns)
    instances = {("a", -1): first, ("b", -1): Instance(2, "b")}
    return Run(1, "d", "r", "manual", DagRunState.RUNNING, 0, start_us=0, instances=instances)


def test_nothing_follows_from_what_waits_without_a_limit():
    run = run_with()
    decision = advance(run, DAG, [], FACTS, 0)

    assert (decision.ready, decision.changes, decision.run_state) == ([], [], None)
    assert decision.wake_at_us is None


def test_what_waits_too_long_goes_on_once_in_the_same_try():
    run = run_with(next_at_us=10)
    assert advance(run, DAG, [], FACTS, 9).wake_at_us == 10
    assert advance(run, DAG, [], FACTS, 9).changes == []

    decision = advance(run, DAG, [], FACTS, 10)

    assert decision.changes == [Change(1, DEFERRED, "x", SCHEDULED, "Trigger/execution timeout")]
    assert [(one.task_id, one.try_number) for one in decision.ready] == [("a", 1)]
    assert advance(run, DAG, [], FACTS, 11).changes == []


def test_an_event_before_its_time_takes_the_limit_away():
    run = run_with(next_at_us=10)
    advance(run, DAG, [], FACTS, 0)
    event = replace(run.instances["a", -1], state=SCHEDULED, next_at_us=None)

    assert [one.task_id for one in advance(run, DAG, [event], FACTS, 5).ready] == ["a"]
    assert advance(run, DAG, [], FACTS, 10).changes == []


def test_a_limit_is_known_of_what_defers_itself_while_it_is_watched():
    run = run_with()
    advance(run, DAG, [], FACTS, 0)
    event = replace(run.instances["a", -1], next_at_us=20)

    assert advance(run, DAG, [event], FACTS, 5).wake_at_us == 20
    assert [change.to_state for change in advance(run, DAG, [], FACTS, 20).changes] == [SCHEDULED]


def test_a_run_that_is_over_time_skips_what_waits():
    run = run_with()
    dag = replace(DAG, dagrun_timeout_s=1.0)
    decision = advance(run, dag, [], FACTS, 2_000_000)

    assert [(change.row, change.to_state) for change in decision.changes] == [(1, "skipped")]
    assert decision.kill == []

"""What a scheduler keeps in memory, and what its verbs leave behind."""

from __future__ import annotations

import pytest

from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.scheduler.state.memory import OwnedDag, RunMemory, SkippedRun
from airflow_lite.spec.model import DagSpec
from airflow_lite.states import DagRunState, TaskInstanceState

RUNNING = TaskInstanceState.RUNNING


def make_run(number=1, *, dag_id="d", state=DagRunState.RUNNING, instances=(), **options):
    run = Run(number, dag_id, f"r{number}", "manual", state, number, **options)
    run.instances = {instance.key: instance for instance in instances}
    return run


def make_dag(dag_id="d", version_id=1, **options):
    return OwnedDag(dag_id, version_id, DagSpec(dag_id), **options)


@pytest.fixture
def memory():
    return RunMemory()


def test_a_run_that_is_put_is_due_with_its_instances_and_attempts(memory):
    run = make_run(instances=[Instance(5, "a", state=RUNNING, attempt="t"), Instance(6, "b")])
    memory.put_run(run)
    assert memory.instance(5) == (run, run.instances["a", -1])
    assert memory.has_instance(6)
    assert memory.attempt("t").is_unmanaged
    assert memory.take_due_runs(0) == [run]
    assert memory.take_due_runs(0) == []


def test_a_run_loaded_again_keeps_its_attempts_and_disowns_those_without_an_instance(memory):
    memory.put_run(
        make_run(
            instances=[
                Instance(5, "a", state=RUNNING, attempt="t"),
                Instance(6, "b", state=RUNNING, attempt="u"),
            ]
        )
    )
    kept = Instance(5, "a", state=RUNNING, attempt="t")
    memory.put_run(make_run(instances=[kept]))
    assert memory.attempt("t").instance is kept
    assert [active.token for active in memory.live_attempts()] == ["t"]
    assert not memory.has_instance(6)


def test_the_end_of_a_run_forgets_it_but_not_what_still_runs(memory):
    over = Instance(5, "a", state=TaskInstanceState.SUCCESS, attempt="t")
    killed = Instance(6, "b", state=RUNNING, attempt="u")
    run = make_run(instances=[over, killed])
    memory.put_dag(make_dag())
    memory.put_run(run)
    memory.activate(run, over)
    memory.skip_time(7)
    memory.take_due_dags(0)
    memory.end_run(run)
    assert [active.token for active in memory.attempts] == ["u"]
    assert memory.find_run(run.id) is None
    assert memory.unlived_us(run.id) == 0
    assert [dag.dag_id for dag in memory.take_due_dags(0)] == ["d"]


def test_a_released_runs_attempts_may_not_go_on(memory):
    memory.put_run(make_run(instances=[Instance(5, "a", state=RUNNING, attempt="t")]))
    memory.release_run(1)
    assert not list(memory.live_attempts())
    assert memory.find_attempt("t") is not None


def test_a_queued_run_takes_the_place_of_a_running_one(memory):
    memory.put_run(make_run(instances=[Instance(5, "a")]))
    queued = make_run(state=DagRunState.QUEUED)
    memory.put_queued_run(queued)
    assert list(memory.queued) == memory.queued_of("d") == [queued]
    assert not memory.running
    assert not memory.has_instance(5)


@pytest.mark.parametrize(
    ("versions", "stale"),
    [
        ({1: 1, 2: 1, 3: 1}, set()),
        ({1: 2, 2: 1, 3: 1}, {1}),
        ({1: 1, 2: 2, 3: 2}, {2, 3}),
        ({1: 1}, {2, 3}),
        ({1: 1, 2: 1, 3: 1, 4: 1}, {4}),
    ],
)
def test_what_the_store_has_otherwise_is_loaded_again(memory, versions, stale):
    memory.put_run(make_run(1, row_version=1))
    memory.put_queued_run(make_run(2, state=DagRunState.QUEUED, row_version=1))
    memory.skip_run(3, SkippedRun("d", 1, "a bug"))
    memory.compare(versions)
    assert memory.take_stale() == stale
    assert not memory.is_stale


def test_a_skipped_run_gets_another_chance_with_a_new_definition_of_its_dag(memory):
    memory.put_run(make_run(3))
    memory.skip_run(3, SkippedRun("d", 1, "a bug"))
    assert memory.find_run(3) is None
    memory.put_dag(make_dag("other"))
    assert not memory.is_stale
    memory.put_dag(make_dag())
    assert memory.take_stale() == {3}


@pytest.mark.parametrize("put", ["put_run", "put_queued_run"])
def test_a_run_that_is_put_is_not_skipped_any_more(memory, put):
    memory.skip_run(1, SkippedRun("d", 1, "a bug"))
    getattr(memory, put)(make_run())
    assert memory.skipped == {}


def test_what_is_skipped_can_only_be_read(memory):
    with pytest.raises(TypeError):
        memory.skipped[1] = SkippedRun("d", 1, "a bug")


def test_a_timer_makes_a_run_due_once(memory):
    memory.put_run(make_run())
    memory.take_due_runs(0)
    memory.wake_run(1, 50)
    assert memory.next_wake_us() == 50
    assert memory.take_due_runs(49) == []
    assert [run.id for run in memory.take_due_runs(50)] == [1]
    assert memory.next_wake_us() is None


def test_the_next_moment_is_that_of_a_dag_that_may_be_scheduled(memory):
    memory.put_dag(make_dag("paused", is_paused=True, next_create_after_us=10))
    memory.put_dag(make_dag("on", next_create_after_us=20))
    assert memory.next_wake_us() == 20


def test_a_dag_is_due_when_its_schedule_is(memory):
    memory.put_dag(make_dag("late", next_create_after_us=20))
    memory.put_dag(make_dag("early", next_create_after_us=10))
    memory.take_due_dags(0)
    assert [dag.dag_id for dag in memory.take_due_dags(10)] == ["early"]
    assert [dag.dag_id for dag in memory.take_due_dags(20)] == ["early", "late"]


def test_only_later_runs_of_the_same_dag_are_advanced(memory):
    runs = [make_run(number) for number in (1, 2, 3)]
    for run in (*runs, make_run(4, dag_id="other")):
        memory.put_run(run)
    memory.take_due_runs(0)
    memory.advance_later_runs(runs[1])
    assert memory.take_due_runs(0) == [runs[2]]


def test_a_due_run_of_an_older_version_is_outdated(memory):
    old, new = make_run(1, version_id=1), make_run(2, version_id=2)
    memory.put_dag(make_dag(version_id=2))
    for run in (old, new, make_run(3, dag_id="unknown", version_id=1)):
        memory.put_run(run)
    assert memory.outdated_runs() == [(old, memory.dag("d"))]
    memory.take_due_runs(0)
    assert memory.outdated_runs() == []


def test_in_doubt_every_run_is_loaded_again_and_every_dag_looked_at(memory):
    memory.put_dag(make_dag())
    memory.put_run(make_run(1))
    memory.put_queued_run(make_run(2, state=DagRunState.QUEUED))
    memory.take_due_runs(0)
    memory.take_due_dags(0)
    assert not memory.is_due
    memory.doubt_all()
    assert memory.is_due
    assert memory.take_stale() == {1, 2}
    assert [dag.dag_id for dag in memory.take_due_dags(0)] == ["d"]


def test_a_dag_that_is_not_kept_is_forgotten(memory):
    memory.put_dag(make_dag("a"))
    memory.put_dag(make_dag("b"))
    memory.keep_dags({"b", "c"})
    assert [dag.dag_id for dag in memory.dags] == ["b"]
    assert memory.take_due_dags(0) == [memory.dag("b")]


def test_a_complaint_is_new_once_until_its_reason_changes_or_it_is_withdrawn(memory):
    assert memory.complain("pool", "missing")
    assert not memory.complain("pool", "missing")
    assert memory.complain("pool", "too small")
    memory.withdraw_complaint("pool")
    assert memory.complain("pool", "too small")


def queued(row_id, token):
    return Instance(row_id, "a", state=TaskInstanceState.QUEUED, attempt=token)


def test_what_an_unanswered_commit_has_queued_is_told_once_its_row_says_so(memory):
    before = Instance(5, "a", attempt="old")
    memory.put_run(make_run(instances=[before]))
    memory.await_answer("new", before)
    assert memory.take_unanswered() == []  # the server may still be at it

    memory.put_run(make_run(instances=[queued(5, "new")]))
    assert [active.token for active in memory.take_unanswered()] == ["new"]
    assert not memory.attempt("new").is_unmanaged
    assert memory.take_unanswered() == []


def test_an_unanswered_commit_is_forgotten_once_another_attempt_is_there(memory):
    before = Instance(5, "a")
    memory.put_run(make_run(instances=[before]))
    memory.await_answer("lost", before)
    memory.put_run(make_run(instances=[queued(5, "later")]))
    assert memory.take_unanswered() == []

    memory.put_run(make_run(instances=[queued(5, "lost")]))
    assert memory.take_unanswered() == []


def test_a_commit_that_was_answered_is_not_looked_for(memory):
    before = Instance(5, "a")
    memory.put_run(make_run(instances=[before]))
    memory.await_answer("new", before)
    memory.take_answer("new")
    memory.put_run(make_run(instances=[queued(5, "new")]))
    assert memory.take_unanswered() == []

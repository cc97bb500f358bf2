"""Several schedulers on one PostgreSQL: who owns which DAG, and what nobody else may write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_lite.scheduler.recovery.lease import FencedStore
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from airflow_lite.store.jobs import LeaseLost
from fixtures.waits import DEADLINE_S

BEAT_S = 2.0


@pytest.fixture
def rig(postgres_rig):
    return postgres_rig


@pytest.fixture
def dags(rig, dag_of):
    """Four DAGs of two tasks in a chain."""
    specs = [dag_of({"a": ["b"]}, dag_id=f"d{number}") for number in range(4)]
    return {spec.dag_id: (spec, rig.save(spec)) for spec in specs}


def turn(rig, *loops, seconds=BEAT_S, passes=3):
    """Let time pass, at least a beat, and every loop do what is due."""
    rig.clock.advance(seconds)
    for _ in range(passes):
        for loop in loops:
            loop.do_pass()


def owned(rig):
    """Return job -> how many DAGs it owns."""
    owners = [row.owner_job_id for row in rig.rows(schema.dag)]
    return {owner: owners.count(owner) for owner in owners}


def silence(rig, loop, seconds=3600):
    """Let a scheduler have beaten last so long ago."""
    job = schema.job
    values = {"latest_beat_us": job.c.latest_beat_us - seconds * 1_000_000}
    rig.edit(job, job.c.id == loop.context.job_id, **values)


def join(rig, first, **stub):
    """Start another scheduler, and let both find their share."""
    second = rig.start(**stub)
    turn(rig, first, second)
    turn(rig, first, second)
    return second


def test_a_scheduler_that_joins_gets_as_many_dags_as_the_others(rig, dags):
    first = rig.start()
    assert owned(rig) == {first.context.job_id: 4}
    second = join(rig, first)
    assert owned(rig) == {first.context.job_id: 2, second.context.job_id: 2}
    third = rig.start()
    for _ in range(3):
        turn(rig, first, second, third)
    assert sorted(owned(rig).values()) == [1, 1, 2]


def test_one_whose_start_took_long_beats_in_its_first_pass(rig, dags):
    one, other = rig.start(), rig.start()
    silence(rig, one)
    one.do_pass()
    turn(rig, other)
    assert {row.state for row in rig.rows(schema.job)} == {"running"}


def test_shares_that_are_even_stay_as_they_are(rig, dags):
    first = rig.start()
    second = join(rig, first)
    before = rig.rows(schema.dag)
    for _ in range(5):
        turn(rig, first, second)
    assert rig.rows(schema.dag) == before


def test_paused_dags_count_for_nobody_and_are_owned_all_the_same(rig, dags, dag_of):
    for number in range(6):
        rig.save(dag_of({"a": []}, dag_id=f"p{number}"), is_paused=True)
    first = rig.start()
    join(rig, first)
    scheduled = [row.owner_job_id for row in rig.rows(schema.dag) if not row.is_paused]
    assert sorted(scheduled.count(owner) for owner in set(scheduled)) == [2, 2]
    assert None not in owned(rig)


def test_a_new_dag_is_owned_at_the_first_look_after_it_was_saved(rig, dags, dag_of):
    first = rig.start()
    new = dag_of({"a": []}, dag_id="new")
    run = rig.trigger(new, rig.save(new))
    turn(rig, first, seconds=6)
    assert rig.run_state(run) == "success"


def test_each_run_is_seen_by_the_owner_of_its_dag_alone(rig, dags):
    first = rig.start()
    one = rig.executor
    second = join(rig, first)
    runs = [rig.trigger(spec, version) for spec, version in dags.values()]
    for _ in range(4):
        turn(rig, first, second, seconds=6)
    assert [rig.run_state(run) for run in runs] == ["success"] * 4
    for executor, loop in ((one, first), (rig.executor, second)):
        mine = {row.dag_id for row in rig.rows(schema.dag, owner_job_id=loop.context.job_id)}
        assert {key.dag_id for key in executor.executed} == mine
    assert rig.findings() == []


def test_the_dags_of_one_that_is_silent_are_taken_with_their_runs(rig, dags):
    runs = [rig.trigger(spec, version) for spec, version in dags.values()]
    first = rig.start(outcome=lambda _: None)
    turn(rig, first)
    assert set(rig.states().values()) == {"running", None}
    second = rig.start()
    silence(rig, first)
    turn(rig, second)
    assert owned(rig) == {second.context.job_id: 4}
    assert [row.state for row in rig.rows(schema.job)] == ["failed", "running"]
    assert all(active.is_unmanaged for active in second.context.memory.attempts)
    assert {rig.run_state(run) for run in runs} == {"running"}


def test_what_the_silent_one_had_queued_is_queued_again_and_runs_once(rig, dags):
    spec, version = dags["d0"]
    run = rig.trigger(spec, version)
    first = rig.start(outcome=lambda _: None, claims=False)
    turn(rig, first)
    assert rig.states()["a"] == "queued"
    second = rig.start()
    silence(rig, first)
    for _ in range(3):
        turn(rig, second)
    assert rig.run_state(run) == "success"
    assert rig.findings() == []


def test_who_lost_its_lease_writes_nothing_and_stands_down(rig, dags):
    first = rig.start()
    second = rig.start()
    silence(rig, first)
    turn(rig, second)
    runs = [rig.trigger(spec, version) for spec, version in dags.values()]
    before = rig.rows(schema.job), rig.rows(schema.dag), rig.rows(schema.dag_run)
    with pytest.raises(LeaseLost):
        turn(rig, first)
    with pytest.raises(LeaseLost):
        first.ownership.renew()
    assert (rig.rows(schema.job), rig.rows(schema.dag), rig.rows(schema.dag_run)) == before
    for _ in range(3):
        turn(rig, second)
    assert [rig.run_state(run) for run in runs] == ["success"] * 4


def test_nobody_takes_the_lease_in_the_middle_of_a_write(rig, dags):
    first = rig.start()
    second = rig.start()
    silence(rig, first)
    own = open_store(rig.config)
    with FencedStore(own.engine, first.context.job_id).begin():  # it is stopped in the middle
        turn(rig, second)
        assert rig.rows(schema.job)[0].state == "running"
    own.close()
    turn(rig, second)
    assert rig.rows(schema.job)[0].state == "failed"
    assert owned(rig) == {second.context.job_id: 4}


def test_who_was_silent_itself_judges_nobody_until_others_had_the_time_to_beat(rig, dags):
    first = rig.start()
    second = join(rig, first)
    silence(rig, first)
    silence(rig, second)
    turn(rig, second)
    assert [row.state for row in rig.rows(schema.job)] == ["running", "running"]
    turn(rig, first, second)
    assert [row.state for row in rig.rows(schema.job)] == ["running", "running"]
    silence(rig, first)
    turn(rig, second, seconds=6)
    assert [row.state for row in rig.rows(schema.job)] == ["failed", "running"]


def test_what_runs_goes_on_when_its_dag_is_handed_over(rig, dags):
    runs = [rig.trigger(spec, version) for spec, version in dags.values()]
    first = rig.start(outcome=lambda _: None)
    old = rig.executor
    turn(rig, first)
    second = join(rig, first)
    assert sorted(owned(rig).values()) == [2, 2]
    assert old.revoked == []
    old.finish(dict.fromkeys(old.executed, State.SUCCESS))
    old.outcome = lambda _: State.SUCCESS
    for _ in range(4):
        turn(rig, first, second)
    assert [rig.run_state(run) for run in runs] == ["success"] * 4
    assert {row.try_number for row in rig.rows(schema.task_instance)} == {1}
    assert rig.findings() == []


def test_a_dag_with_something_queued_is_handed_over_once_that_has_begun(rig, dags):
    runs = [rig.trigger(spec, version) for spec, version in dags.values()]
    first = rig.start(outcome=lambda _: None, claims=False)
    turn(rig, first)
    old = rig.executor
    second = join(rig, first)
    assert owned(rig) == {first.context.job_id: 4}
    old.claims = True
    for _ in range(2):
        turn(rig, first, second)
    assert sorted(owned(rig).values()) == [2, 2]
    assert {rig.run_state(run) for run in runs} == {"running"}
    assert rig.executor.executed == []


def test_who_is_asked_to_stop_gives_its_dags_to_the_others_while_its_tasks_run(rig, dags):
    for spec, version in dags.values():
        rig.trigger(spec, version)
    first = rig.start(outcome=lambda _: None)
    turn(rig, first)
    second = join(rig, first)
    first.stopping.ask()
    turn(rig, first, second)
    turn(rig, first, second)
    assert owned(rig) == {second.context.job_id: 4}
    assert {row.state for row in rig.rows(schema.task_instance, task_id="a")} == {"running"}


def test_a_pool_is_never_taken_twice_by_two_schedulers_at_one_moment(rig, dag_of):
    rig.edit(schema.pool, schema.pool.c.name == "default_pool", slots=3)
    wide: dict[str, list[str]] = {f"t{number}": [] for number in range(4)}
    specs = [dag_of(wide, dag_id=f"d{number}") for number in range(2)]
    versions = [rig.save(spec) for spec in specs]
    first = rig.start(outcome=lambda _: None)
    second = join(rig, first, outcome=lambda _: None)
    for spec, version in zip(specs, versions, strict=True):
        rig.trigger(spec, version)
    with ThreadPoolExecutor() as threads:
        for _ in range(4):
            rig.clock.advance(6)
            for done in [threads.submit(loop.do_pass) for loop in (first, second)]:
                done.result(DEADLINE_S)
    states = [row.state for row in rig.rows(schema.task_instance)]
    assert states.count("running") == 3


def test_the_eldest_looks_after_the_dag_files_and_the_next_one_when_it_is_gone(rig, dags):
    first = rig.start()
    second = join(rig, first)
    assert (first.context.fellows.is_leader, second.context.fellows.is_leader) == (True, False)
    rig.loop = first
    rig.end()
    turn(rig, second)
    assert second.context.fellows.is_leader

"""A COMMIT is not answered, done or not: what was to follow from it follows once."""

from __future__ import annotations

import pytest

from airflow_lite.api.executor.events import CallbackRequest, Refused, Requeue
from airflow_lite.scheduler.state.callback_runner import Callbacks
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.store import schema

both_ways = pytest.mark.parametrize("is_committed", [True, False], ids=["done", "not done"])
CALLS_BACK = {"a": {"callbacks": ("on_failure_callback",)}}


@pytest.fixture
def lose(rig, lost_answers, is_committed):
    """Lose the answer to the next COMMIT of a transaction with these words in a statement."""
    answers = lost_answers(rig.store)

    def lose(words, times=1):
        answers.lose(words, is_committed=is_committed, times=times)
        return answers

    return lose


@pytest.fixture(autouse=True)
def _no_process(monkeypatch):
    """Ask for callbacks, and call none."""
    monkeypatch.setattr(Callbacks, "poll", lambda _: None)


def steps(rig, count=16):
    for _ in range(count):
        rig.loop.step()
        rig.executor.beat()
        rig.clock.advance(1)


@both_ways
def test_what_was_queued_is_run_under_its_token(rig, dag_of, lose):
    answers = lose("executor=", times=2)
    run = rig.begin(dag_of({"a": ["b"]}))
    steps(rig)

    assert answers.made == 2
    assert rig.run_state(run) == "success"
    assert [key.task_id for key in rig.executor.executed] == ["a", "b"]
    assert [key.attempt for key in rig.executor.executed] == [
        rig.instance(name).attempt for name in "ab"
    ]
    assert rig.findings() == []


@pytest.mark.parametrize("is_committed", [True])
def test_what_was_queued_and_was_edited_meanwhile_is_not_run_twice(rig, dag_of, lose):
    lose("executor=")
    run = rig.begin(dag_of({"a": []}))
    steps(rig, 1)
    row = schema.task_instance.c.id == rig.instance("a").id
    rig.edit(schema.task_instance, row, run=run, state=None, attempt=None)
    steps(rig)

    assert rig.run_state(run) == "success"
    assert len(rig.executor.executed) == 1
    assert rig.loop.context.memory.take_unanswered() == []


@both_ways
def test_an_attempt_that_is_taken_back_is_queued_again_and_counted_once(rig, dag_of, lose):
    run = rig.begin(dag_of({"a": []}), claims=False)
    steps(rig, 4)
    answers = lose(r"external_executor_id=\S+ stuck_count=")
    rig.executor.fail(rig.executor.executed[0], Requeue("engine is down"))
    steps(rig, 4)
    assert answers.made == 1
    assert rig.instance("a").stuck_count == 1
    rig.executor.claims = True
    steps(rig)

    assert rig.run_state(run) == "success"
    assert len({key.attempt for key in rig.executor.executed}) == 2
    assert rig.findings() == []


@both_ways
def test_a_refused_try_ends_and_its_callback_is_asked_for_once(rig, dag_of, lose):
    run = rig.begin(dag_of({"a": []}, of_task=CALLS_BACK), claims=False)
    steps(rig, 4)
    answers = lose("INSERT INTO callback_request")
    rig.executor.fail(rig.executor.executed[0], Refused("no such queue"))
    steps(rig)

    assert answers.made == 1
    assert rig.run_state(run) == "failed"
    assert rig.instance("a").change_cause == "refused by the executor: no such queue"
    assert [kind for kind, _ in rig.callbacks()] == ["task"]


@both_ways
def test_a_callback_that_the_executor_asks_for_is_asked_for_once(rig, dag_of, lose):
    rig.begin(dag_of({"a": ["b"]}, of_task=CALLS_BACK), outcome=lambda _: None)
    steps(rig, 4)
    answers = lose("INSERT INTO callback_request")
    key = rig.executor.executed[0]
    rig.executor.send_callback(CallbackRequest(key, "on_failure_callback", "it went wrong"))
    rig.executor.running_state(key, info="number 7")
    steps(rig)

    assert answers.made == 1
    assert len(rig.callbacks()) == 1
    assert rig.instance("a").external_executor_id == "number 7"


@both_ways
def test_what_an_executor_calls_an_attempt_is_kept(rig, dag_of, lose):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    steps(rig, 4)
    answers = lose("SET external_executor_id=")
    rig.executor.running_state(rig.executor.executed[0], info="number 7")
    steps(rig)

    assert answers.made == 1
    assert rig.instance("a").external_executor_id == "number 7"


@both_ways
def test_a_scheduled_run_is_made_once(rig, dag_of, lose):
    answers = lose("INSERT INTO dag_run")
    spec = dag_of({"a": []}, schedule=schedule_spec("@hourly"), start_date_us=1, catchup=False)
    rig.save(spec)
    rig.start()
    steps(rig)

    assert answers.made == 1
    assert [row.state for row in rig.rows(schema.dag_run)] == ["success"]


@both_ways
def test_a_run_ends_and_calls_back_once(rig, dag_of, lose):
    spec = dag_of({"a": []}, callbacks=("on_success_callback",))
    answers = lose("INSERT INTO callback_request")
    run = rig.begin(spec)
    steps(rig)

    assert answers.made == 1
    assert rig.run_state(run) == "success"
    assert [kind for kind, _ in rig.callbacks()] == ["dag"]

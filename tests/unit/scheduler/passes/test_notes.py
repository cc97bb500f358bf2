"""What an executor notes of an attempt is in its history, and changes nothing."""

from __future__ import annotations

from airflow_lite.store import schema


def begun(rig, dag_of):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    return rig.executor.executed[0]


def lines(rig):
    return [
        (row.from_state, row.to_state, row.cause)
        for row in rig.rows(schema.task_event, actor="executor")
    ]


def test_a_note_stands_in_the_history_beside_the_state_of_the_row(rig, dag_of):
    key = begun(rig, dag_of)
    rig.executor.log_task_event(event="pod", extra="is deleted \0", ti_key=key)
    rig.after(2)
    assert lines(rig) == [("running", "running", "pod: is deleted \\x00")]
    assert rig.states() == {"a": "running"}
    assert rig.findings(all_ended=False) == []


def test_a_note_of_what_has_ended_is_kept_as_well(rig, dag_of):
    key = begun(rig, dag_of)
    mine = schema.task_instance.c.task_id == "a"
    rig.edit(schema.task_instance, mine, state="failed", changed_by="host")
    rig.loop.context.timers.after("refresh", 0.0)
    rig.after(2)
    rig.executor.log_task_event(event="pod", extra="was evicted", ti_key=key)
    rig.loop.context.runner.poke()
    rig.after(2)
    assert lines(rig) == [("failed", "failed", "pod: was evicted")]


def test_a_note_of_an_attempt_that_is_unknown_is_left_out(rig, dag_of):
    key = begun(rig, dag_of)
    rig.executor.log_task_event(event="pod", extra="x", ti_key=key._replace(attempt="f" * 32))
    rig.after(2)
    assert lines(rig) == []

"""What follows in a run from what is seen of its task instances."""

from __future__ import annotations

import ast
import copy
import itertools
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_lite.scheduler.planner import advance as advance_module
from airflow_lite.scheduler.planner.advance import advance, missing_instances
from airflow_lite.scheduler.planner.instance import Facts, Instance, Past
from airflow_lite.scheduler.planner.model import CallbackDue, Change, Run
from airflow_lite.scheduler.planner.progress import Progress
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import DagRunState, TaskInstanceState
from fixtures.goldens import read_golden

SECOND_US = 1_000_000


def make_dag(edges: str, *, settings: dict | None = None, **tasks: dict) -> DagSpec:
    """Build a DAG of `a>b b>c d` with settings per task, in topological order as written."""
    names, pairs = [], []
    for part in edges.split():
        ends = part.split(">")
        names += [name for name in ends if name not in names]
        pairs += list(itertools.pairwise(ends))
    made = {
        name: TaskSpec(
            name,
            upstream=tuple(sorted(above for above, below in pairs if below == name)),
            downstream=tuple(sorted(below for above, below in pairs if above == name)),
            **tasks.get(name, {}),
        )
        for name in names
    }
    return DagSpec.from_json(DagSpec("d", tasks=made, **(settings or {})).to_json())


class World:
    """A run with its DAG, advanced by saying what its tasks' rows are now."""

    def __init__(self, dag: DagSpec, *, past=None, **fields) -> None:
        self.dag = dag
        self.now_us = 0
        self.facts = Facts(past)
        instances = {
            (name, -1): Instance(number, name, attempt=f"token of {name}")
            for number, name in enumerate(dag.tasks)
        }
        self.run = Run(
            1, "d", "r", fields.pop("run_type", "manual"), DagRunState.RUNNING,
            fields.pop("logical_us", 0), start_us=0, instances=instances, **fields,
        )  # fmt: skip
        self.ready: list[str] = []

    def see(self, **states) -> World:
        """Let the rows of the tasks named be in these states (or have these columns)."""
        events = []
        for name, what in states.items():
            columns = what if isinstance(what, dict) else {"state": what}
            state = columns.get("state")
            columns = {**columns, "state": state and TaskInstanceState(state)}
            events.append(replace(self.run.instances[name, -1], **columns))
        self.decision = advance(self.run, self.dag, events, self.facts, self.now_us)
        self.ready = [found.task_id for found in self.decision.ready]
        return self

    def states(self) -> dict[str, str | None]:
        return {
            name: found.state and str(found.state)
            for (name, _), found in self.run.instances.items()
        }


def test_roots_are_ready_at_first_and_downstream_as_upstream_ends() -> None:
    world = World(make_dag("a>c b>c")).see()
    assert world.ready == ["a", "b"]
    assert world.see(a="running", b="running").ready == []
    assert world.see(a="success").ready == []
    assert world.see(b="success").ready == ["c"]


def test_what_is_ready_is_told_once_until_its_row_is_seen() -> None:
    world = World(make_dag("a b")).see()
    assert world.see(a="queued").ready == []
    assert world.see(a=None).ready == ["a"]  # its attempt was never claimed


def test_failures_cascade_in_one_call_with_their_reasons() -> None:
    world = World(make_dag("a>b>c")).see().see(a="failed")
    assert world.states() == {"a": "failed", "b": "upstream_failed", "c": "upstream_failed"}
    assert world.decision.changes[0] == Change(
        1, None, "token of b", TaskInstanceState.UPSTREAM_FAILED,
        "all_success: 1 of 1 upstream failed",
    )  # fmt: skip
    assert world.decision.run_state == "failed"


def test_an_empty_operator_ends_in_the_scheduler_and_takes_a_try() -> None:
    dag = make_dag("a>b>c>e", b={"is_empty": True}, c={"is_empty": True})
    world = World(dag).see().see(a="success")
    assert world.ready == ["e"]
    found = [(change.to_state, change.to_try) for change in world.decision.changes]
    assert found == [("success", 1), ("success", 1)]


def test_a_dag_of_empty_operators_ends_at_once() -> None:
    world = World(make_dag("a>b", a={"is_empty": True}, b={"is_empty": True})).see()
    assert (world.run.state, world.decision.ready) == ("success", [])


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ({"followed": ["b"]}, {"b": None, "c": "skipped", "e": None, "f": "skipped"}),
        ({"followed": []}, {"b": "skipped", "c": "skipped", "e": "skipped", "f": "skipped"}),
        ({"skipped": ["b", "e", "gone"]}, {"b": "skipped", "c": None, "e": "skipped", "f": None}),
    ],
)
def test_a_branch_skips_what_it_did_not_choose(decision, expected) -> None:
    world = World(make_dag("a>b>e a>c>f"))
    world.see().see(a={"state": "success", "skip_decision": decision})
    assert world.states() == {"a": "success", **expected}


def test_a_task_cleared_below_a_branch_is_skipped_again() -> None:
    world = World(make_dag("a>b a>c"))
    world.see().see(a={"state": "success", "skip_decision": {"followed": ["b"]}})
    assert world.see(c=None).states()["c"] == "skipped"
    assert "skipped by 'a'" in world.decision.changes[0].cause


def test_the_decision_of_a_branch_that_was_cleared_no_longer_holds() -> None:
    world = World(make_dag("a>b a>c", c={"trigger_rule": "always"}))
    world.see().see(a={"state": "success", "skip_decision": {"followed": ["b"]}})
    assert world.see(a=None, c=None).ready == ["a", "c"]


def test_a_decision_holds_only_with_the_success_that_it_belongs_to() -> None:
    world = World(make_dag("a>b>c", b={"retries": 1}, c={"trigger_rule": "all_done"}))
    stale = {"state": "up_for_retry", "next_at_us": 9, "skip_decision": {"skipped": ["c"]}}
    world.see(b=stale)
    assert world.see(a="failed").states()["b"] == "upstream_failed"
    assert world.ready == ["c"]


def test_the_decision_of_a_mapped_instance_is_for_its_own_index() -> None:
    two = {"expansion": ["literal", 2]}
    world = World(make_dag("a>b", a=two, b={"trigger_rule": "none_failed", **two}))
    world.run.instances = {
        (name, index): Instance(number, name, index)
        for number, (name, index) in enumerate([("a", 0), ("a", 1), ("b", 0), ("b", 1)])
    }
    for index, followed in enumerate(([], ["b"])):
        event = replace(
            world.run.instances["a", index],
            state=TaskInstanceState.SUCCESS,
            skip_decision={"followed": followed},
        )
        decision = advance(world.run, world.dag, [event], Facts(), 0)
    assert [found.key for found in decision.ready] == [("b", 1)]
    assert world.run.instances["b", 0].state == "skipped"


def test_what_was_ready_is_withdrawn_when_upstream_is_cleared() -> None:
    world = World(make_dag("a>b>c"))
    assert world.see().see(a="success").ready == ["b"]
    world.see(a=None)
    assert [found.task_id for found in world.decision.withdrawn] == ["b"]
    assert world.ready == ["a"]
    assert world.see(a="success").ready == ["b"]


def test_a_ready_task_seen_again_is_withdrawn_when_upstream_is_cleared() -> None:
    world = World(make_dag("a>b")).see().see(a="success").see(a=None, b=None)
    assert [found.task_id for found in world.decision.withdrawn] == ["b"]


@pytest.mark.parametrize("state", ["queued", "success"])
def test_a_ready_task_that_someone_else_took_is_withdrawn(state) -> None:
    world = World(make_dag("a b")).see().see(a=state)
    assert [found.task_id for found in world.decision.withdrawn] == ["a"]


@pytest.mark.parametrize("state", ["up_for_retry", "up_for_reschedule"])
def test_a_timer_holds_a_task_until_its_time(state) -> None:
    world = World(make_dag("a>b")).see()
    world.see(a={"state": state, "next_at_us": 5 * SECOND_US})
    assert (world.ready, world.decision.wake_at_us) == ([], 5 * SECOND_US)
    world.now_us = 5 * SECOND_US - 1
    assert world.see().ready == []
    world.now_us += 1
    assert world.see().ready == ["a"]
    assert world.decision.wake_at_us is None


def test_a_task_waiting_to_be_retried_keeps_its_run_alive() -> None:
    world = World(make_dag("a")).see()
    world.see(a={"state": "up_for_retry", "next_at_us": 10})
    assert world.run.state == "running"


def test_the_earliest_timer_wakes_the_run() -> None:
    world = World(make_dag("a b", settings={"dagrun_timeout_s": 60.0})).see()
    assert world.decision.wake_at_us == 60 * SECOND_US
    for moment in (9, 5):
        name = "a" if moment == 9 else "b"
        world.see(**{name: {"state": "up_for_retry", "next_at_us": moment}})
    assert world.decision.wake_at_us == 5


@pytest.mark.parametrize(
    ("task", "past", "ready"),
    [
        ({"depends_on_past": True}, None, True),
        ({"depends_on_past": True}, {"a": Past(TaskInstanceState.SUCCESS)}, True),
        ({"depends_on_past": True}, {"a": Past(TaskInstanceState.SKIPPED)}, True),
        ({"depends_on_past": True}, {"a": Past(TaskInstanceState.FAILED)}, False),
        ({"depends_on_past": True}, {"a": Past(None)}, False),
        ({"depends_on_past": True}, {}, True),
        ({"depends_on_past": True, "ignore_first_depends_on_past": False}, {}, False),
        ({"wait_for_downstream": True}, {"a": Past(TaskInstanceState.SUCCESS, False)}, False),
        ({"wait_for_downstream": True}, {"a": Past(TaskInstanceState.SUCCESS)}, True),
        ({}, {"a": Past(TaskInstanceState.FAILED)}, True),
    ],
)
def test_a_task_waits_for_its_past(task, past, ready) -> None:
    world = World(make_dag("a", a=task), past=past).see()
    assert world.ready == (["a"] if ready else [])
    assert world.run.state == "running"


@pytest.mark.parametrize("events", [{}, {"b": "running"}])
def test_a_task_goes_on_when_its_past_is_done(events) -> None:
    past = {"a": Past(TaskInstanceState.RUNNING)}
    world = World(make_dag("a b", a={"depends_on_past": True}), past=past).see()
    world.facts = Facts({"a": Past(TaskInstanceState.SUCCESS)})
    assert world.see(**events).ready == ["a"]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"a": "success", "b": "success"}, "success"),
        ({"a": "success", "b": "skipped"}, "success"),
        ({"a": "success", "b": "failed"}, "failed"),
        ({"a": "success", "b": "removed"}, "success"),
    ],
)
def test_a_run_ends_as_its_leaves_did(ends, expected) -> None:
    world = World(make_dag("a b")).see().see(**ends)
    assert (world.run.state, world.decision.run_state) == (expected, expected)


def test_a_failure_above_the_leaves_does_not_fail_the_run() -> None:
    world = World(make_dag("a>b", b={"trigger_rule": "all_done"})).see().see(a="failed")
    assert world.see(b="success").run.state == "success"


TEARDOWN = {"is_teardown": True, "trigger_rule": "all_done_setup_success"}


@pytest.mark.parametrize(
    ("more", "work", "teardown", "expected"),
    [
        ({}, "success", "failed", "success"),
        ({}, "failed", "success", "failed"),
        ({"on_failure_fail_dagrun": True}, "success", "failed", "failed"),
        # with the teardown as a judge, the work above it is none: as in Airflow
        ({"on_failure_fail_dagrun": True}, "failed", "success", "success"),
    ],
)
def test_teardowns_are_looked_past_unless_they_shall_fail_the_run(
    more, work, teardown, expected
) -> None:
    dag = make_dag("s>w>t s>t", s={"is_setup": True}, t={**TEARDOWN, **more})
    world = World(dag).see().see(s="success").see(w=work)
    assert world.ready == ["t"]
    assert world.see(t=teardown).run.state == expected


def test_a_failed_setup_fails_what_it_guards_and_skips_the_cleaning_up() -> None:
    dag = make_dag("s>w>x>t s>t", s={"is_setup": True}, x={"trigger_rule": "all_done"}, t=TEARDOWN)
    world = World(dag).see().see(s="failed")
    assert set(world.states().values()) == {"failed", "upstream_failed"}


def test_a_setup_guards_no_task_after_its_teardown() -> None:
    dag = make_dag("s>w>t>x s>t", s={"is_setup": True}, x={"trigger_rule": "all_done"}, t=TEARDOWN)
    assert World(dag).see().see(s="failed").ready == ["x"]


def test_nothing_that_can_ever_run_fails_the_run_as_deadlocked() -> None:
    dag = make_dag(
        "a>b", b={"trigger_rule": "all_success"}, settings={"callbacks": ("on_failure",)}
    )
    world = World(dag).see().see(a="removed")  # as the index of a mapped task that shrank
    assert world.run.state == "failed"
    assert world.decision.callbacks == [CallbackDue("on_failure", "all_tasks_deadlocked")]
    assert world.states()["b"] is None


def test_dagrun_timeout_fails_the_run_and_skips_what_was_begun() -> None:
    dag = make_dag("a b c>e", settings={"dagrun_timeout_s": 10.0, "callbacks": ("on_failure",)})
    world = World(dag).see().see(a="running", b="queued", c="success")
    world.now_us = 10 * SECOND_US
    world.see()
    assert world.states() == {"a": "skipped", "b": "skipped", "c": "success", "e": None}
    assert [found.task_id for found in world.decision.kill] == ["a", "b"]
    assert [found.task_id for found in world.decision.withdrawn] == ["e"]
    assert [change.was_attempt for change in world.decision.changes] == [
        "token of a",
        "token of b",
    ]
    assert world.run.state == "failed"
    assert world.decision.callbacks == [CallbackDue("on_failure", "timed_out")]


def test_fail_stop_ends_all_but_the_teardowns() -> None:
    dag = make_dag("a b c>e s>t", s={"is_setup": True}, t=TEARDOWN, settings={"fail_stop": True})
    world = World(dag).see().see(b="running", c="queued", s="success").see(a="failed")
    assert world.states() == {
        "a": "failed", "b": "failed", "c": "skipped", "e": "skipped", "s": "success", "t": None
    }  # fmt: skip
    assert [found.task_id for found in world.decision.kill] == ["b", "c"]
    assert world.run.state == "running"
    assert world.see(t="success").run.state == "failed"


def test_a_task_that_vanished_is_removed_unless_it_runs() -> None:
    world = World(make_dag("a>b c e")).see().see(c="running", e="queued", a="success")
    world.dag = make_dag("a")
    world.see()
    assert world.states() == {"a": "success", "b": "removed", "c": "running", "e": "removed"}
    assert [found.task_id for found in world.decision.kill] == ["e"]
    assert world.see(c={"state": "up_for_retry"}).states()["c"] == "removed"
    assert world.run.state == "success"


def test_a_task_that_came_back_is_restored() -> None:
    world = World(make_dag("a b"))
    world.run.instances["b", -1].state = TaskInstanceState.REMOVED
    assert world.see().ready == ["a", "b"]


def test_a_new_task_is_named_and_waited_for() -> None:
    world = World(make_dag("a")).see()
    world.dag = make_dag("new>a")
    assert missing_instances(world.run, world.dag) == [(world.dag.tasks["new"], -1)]
    world.run.instances["new", -1] = Instance(7, "new")
    assert world.see().ready == ["new"]
    assert [found.task_id for found in world.see(new="success").decision.ready] == ["a"]


@pytest.mark.parametrize(
    ("task", "run_type", "expected"),
    [
        ({"start_date_us": 6}, "manual", "skipped"),
        ({"start_date_us": 6}, "backfill", None),
        ({"end_date_us": 4}, "scheduled", "skipped"),
        ({"start_date_us": 5, "end_date_us": 5}, "scheduled", None),
    ],
)
def test_a_task_outside_its_own_dates_is_skipped(task, run_type, expected) -> None:
    world = World(make_dag("a", a=task), run_type=run_type, logical_us=5).see()
    assert world.states() == {"a": expected}


@pytest.mark.parametrize("state", ["queued", "success", "failed"])
def test_a_run_that_is_not_running_only_takes_in_rows(state) -> None:
    world = World(make_dag("a>b"))
    world.run.state = DagRunState(state)
    world.see(a="failed")
    assert (world.states(), world.decision.changes) == ({"a": "failed", "b": None}, [])


def test_a_run_without_tasks_succeeds() -> None:
    assert World(DagSpec("d")).see().run.state == "success"


def test_callbacks_come_only_for_runs_whose_dag_has_them() -> None:
    dag = make_dag("a", settings={"callbacks": ("on_success",)})
    assert World(dag).see().see(a="success").decision.callbacks == [
        CallbackDue("on_success", "success")
    ]
    assert World(dag).see().see(a="failed").decision.callbacks == []


def test_the_conformance_dag_ends_as_under_airflow() -> None:
    """The rule tasks of the conformance DAG, by the outcomes that Airflow's tasks had."""
    golden = read_golden("conformance_states")["tasks"]
    upstream = {
        "all_success": ("fail_now", "bash"),
        "all_failed": ("fail_now", "fail_hard"),
        "all_done": ("fail_now", "skip_me"),
        "one_success": ("fail_now", "bash"),
        "one_failed": ("fail_now", "bash"),
        "none_failed": ("bash", "skip_me"),
        "none_skipped": ("bash", "skip_me"),
        "all_skipped": ("skip_me",),
    }
    edges = " ".join(f"{above}>{rule}" for rule, names in upstream.items() for above in names)
    rules = {rule: {"trigger_rule": rule, "is_empty": True} for rule in upstream}
    world = World(make_dag(edges, **rules)).see()
    ran = {name for names in upstream.values() for name in names}
    world.see(**{name: golden[name]["state"] for name in ran})
    for rule in upstream:
        found = world.run.instances[rule, -1]
        expected = golden[f"rule_{rule}"]
        assert (found.state, found.try_number) == (expected["state"], expected["try_number"]), rule


def test_a_task_waits_for_every_mapped_instance_upstream() -> None:
    dag = make_dag("s>a>b", a={"expansion": ["result", "s"], "mapped_over": ("s",)})
    world = World(dag)
    world.run.instances["s", -1].state = TaskInstanceState.SUCCESS
    del world.run.instances["a", -1]
    for index in range(3):
        world.run.instances["a", index] = Instance(10 + index, "a", index)
    world.see()
    assert [found.map_index for found in world.decision.ready] == [0, 1, 2]
    late = Instance(20, "a", 3)  # one more, made while the run goes on
    for seen in (late, *world.run.instances.values()):
        if seen.task_id == "a":
            ended = replace(seen, state=TaskInstanceState.SUCCESS)
            found = advance(world.run, world.dag, [ended], world.facts, 0)
    assert [one.task_id for one in found.ready] == ["b"]
    assert world.run.counters
    assert world.run.counters.upstream["b"].success == 4


# What an event costs


def lines_executed(world: World, seen: list[dict]) -> int:
    """Count the lines of the scheduler's modules that are executed while `seen` is taken in."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if "airflow_lite" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for states in seen:
            world.see(**states)
    finally:
        sys.settrace(before)
    return count


def fan_in(width: int, rule: str) -> DagSpec:
    names = tuple(f"t{number:05}" for number in range(width))
    tasks = {name: TaskSpec(name, downstream=("z",)) for name in names}
    tasks["z"] = TaskSpec("z", upstream=names, trigger_rule=rule)
    return DagSpec("d", tasks=tasks)


@pytest.mark.parametrize("rule", ["all_success", "one_failed", "all_done_setup_success"])
def test_an_event_costs_the_same_whatever_the_fan_in(rule) -> None:
    costs = []
    for width in (100, 3_000):
        world = World(fan_in(width, rule)).see()
        costs.append(lines_executed(world, [{"t00007": "running"}, {"t00007": "success"}]))
    assert costs[0] == costs[1]


def test_a_fan_in_of_ten_thousand_is_taken_in_and_keeps_nothing() -> None:
    world = World(fan_in(10_000, "all_success")).see()
    names = [name for name in world.dag.tasks if name != "z"]
    for name in names:
        world.see(**{name: {"state": "up_for_retry", "next_at_us": 1}})
        world.see(**{name: "running"})
        world.see(**{name: "success"})
    assert world.ready == ["z"]
    progress = world.run.counters
    assert progress
    assert progress.announced == {("z", -1)}
    assert not progress.past_waiting
    assert progress.next_timer_us() is None
    assert len(progress._timers) <= 8
    assert world.see(z="success").run.counters is None


def test_timers_set_again_and_again_keep_nothing_of_the_old_ones() -> None:
    progress = Progress(make_dag("a b"), [], Facts())
    progress.set_timer(("b", -1), 5_000)
    for moment in range(1_000):
        progress.set_timer(("a", -1), 9_000 - moment)
    assert len(progress._timers) <= 12
    assert progress.next_timer_us() == 5_000
    assert progress.pop_due(9_000) == [("b", -1), ("a", -1)]
    assert progress.next_timer_us() is None


@pytest.mark.parametrize(
    "module", ["advance", "readiness", "progress", "trigger_rules", "create_runs", "admit"]
)
def test_what_decides_has_no_clock_no_chance_and_no_store(module) -> None:
    source = Path(advance_module.__file__).with_name(f"{module}.py").read_text()
    imported = {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }
    forbidden = ("time", "random", "secrets", "sqlalchemy", "airflow_lite.store", "SystemClock")
    assert not [name for name in imported if name and name.startswith(forbidden)]


def test_the_same_events_give_the_same_decisions() -> None:
    dag = make_dag("a>c b>c c>e", b={"trigger_rule": "one_done"}, e={"is_empty": True})
    worlds = [World(dag), World(copy.deepcopy(dag))]
    for states in ({}, {"a": "running"}, {"b": "skipped", "a": "failed"}, {"c": None}):
        one, two = (world.see(**states).decision for world in worlds)
        assert one == two

"""Tasks that wait cost a scheduler that has nothing else to do no more, however many they are.

Counted, not timed: passes of the loop, statements, and calls of Python's functions.
"""

from __future__ import annotations

import pytest

from airflow_lite.clock import US_PER_S
from airflow_lite.scheduler.passes import deferrals
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from fixtures.counted_calls import counted_calls
from fixtures.query_plans import recorded_statements

FEW, MANY = 10, 500
#: What is counted: so many seconds in which nothing happens.
QUIET_S = 60.0
LATER_US = 3600 * US_PER_S


class Running:
    """Stands for the process of triggers: it runs what it is given, and nothing happens there."""

    def __init__(self, *_):
        self.keys = set()

    def start(self, orders):
        self.keys |= {order.key for order in orders}

    def stop(self, keys):
        self.keys -= set(keys)

    def poll(self):
        return []

    def wait_s(self):
        return None

    def close(self):
        self.keys.clear()


@pytest.fixture
def cost(make_rig, monkeypatch):
    """Return the passes, statements and calls of a quiet minute in which so many tasks wait."""
    monkeypatch.setattr(deferrals, "TriggerProcess", Running)

    def cost(tasks, state, columns):
        names = [f"t{number}" for number in range(tasks)]
        spec = DagSpec("d", tasks={name: TaskSpec(name) for name in names}, max_active_tasks=tasks)
        rig = make_rig()
        run = rig.trigger(spec, rig.save(spec))
        rig.edit(schema.dag_run, schema.dag_run.c.id == run, state="running", start_us=1)
        of_run = schema.task_instance.c.dag_run_id == run
        rig.edit(schema.task_instance, of_run, state=state, try_number=1, **columns(rig))
        rig.start()
        rig.after(6)
        with recorded_statements(rig.store) as statements, counted_calls() as calls:
            passes = _let_pass(rig, QUIET_S)
        assert set(rig.states().values()) == {state}
        return passes, len(statements), calls[0]

    return cost


def _let_pass(rig, seconds):
    """Let the loop sleep as long as it wants to, again and again; return its passes."""
    passes = 0
    end = rig.clock.monotonic() + seconds
    while (wait_s := rig.loop.wait_s()) < end - rig.clock.monotonic():
        rig.clock.advance(wait_s)
        rig.loop.do_pass()
        passes += 1
    return passes


SPEC = '{"class":"x.Y","kwargs":{}}'
#: How the rows of tasks that wait are written, by state.
WAITS = {
    "deferred": lambda _: {"trigger_spec": SPEC, "next_method": "m", "attempt": "0" * 32},
    "up_for_reschedule": lambda rig: {"next_at_us": rig.clock.now_us() + LATER_US},
}


@pytest.mark.sqlite
@pytest.mark.parametrize("state", WAITS)
def test_tasks_that_wait_cost_a_quiet_scheduler_the_same_however_many_they_are(cost, state):
    few = cost(FEW, state, WAITS[state])
    many = cost(MANY, state, WAITS[state])

    assert many[:2] == few[:2]
    assert few[0] > 0
    # Which of them wait for a trigger is asked in each pass: a call for each of them, no more.
    assert many[2] - few[2] < MANY * many[0]

"""The past of a run: what its tasks with depends_on_past wait for, as in Airflow 2.10.5."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_lite.scheduler.passes.previous_run import facts_of
from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.progress import Progress
from airflow_lite.scheduler.planner.readiness import WAITS_FOR_PAST, View, judge
from airflow_lite.store import schema
from fixtures.goldens import read_golden

PAST = read_golden("semantics")["past"]
DAY_US = 86_400_000_000
START_US = 1_704_067_200_000_000
FIRST = {
    "previous succeeded": ("success", "success"),
    "previous skipped": ("skipped", "success"),
    "previous failed": ("failed", "upstream_failed"),
    "previous upstream_failed": ("upstream_failed", None),
    "previous still running": ("running", None),
    "wait_for_downstream, its downstream still runs": ("success", "running"),
    "wait_for_downstream, its downstream failed": ("success", "failed"),
    "wait_for_downstream, its downstream succeeded": ("success", "success"),
    "wait_for_downstream, its downstream was skipped": ("success", "skipped"),
    "new task, ignore_first_depends_on_past=True": (None, None),
    "new task, ignore_first_depends_on_past=False": (None, None),
    "the previous run is manual and failed": ("failed", None),
}


@pytest.fixture
def waits(rig, dag_of):
    """Tell whether a task waits for its past, as its runs before are: (run type, task's state)."""

    def ask(before, *, downstream=None, catchup=False, has_task=True, kind="scheduled", **task):
        names = {"work": ["after"]}
        spec = dag_of(names, of_task={"work": task}, catchup=catchup, start_date_us=START_US)
        older = spec if has_task else dag_of({"other": []}, catchup=catchup)
        version = rig.save(spec)
        for day, (run_type, state) in enumerate(before):
            earlier = rig.trigger(
                older, version, f"r{day}", START_US + day * DAY_US, run_type=run_type
            )
            for name, value in (("work", state), ("after", downstream)):
                mark(rig, earlier, name, value)
        now_us = START_US + len(before) * DAY_US
        row = rig.trigger(spec, version, "now", now_us, run_type=kind)
        run: Any = SimpleNamespace(id=row, dag_id="d", logical_us=now_us, run_type=kind)
        context: Any = SimpleNamespace(store=rig.store, ignores_past=lambda _: False)
        facts = facts_of(context, run, spec)
        instance = Instance(1, "work")
        view = View(run, Progress(spec, [instance], facts), facts, now_us)
        return judge(instance, view) is WAITS_FOR_PAST

    return ask


def mark(rig, run, task_id, state):
    of_task = schema.task_instance.c.task_id == task_id
    with rig.store.begin() as connection:
        connection.execute(
            sa.update(schema.task_instance)
            .where(schema.task_instance.c.dag_run_id == run, of_task)
            .values(state=state)
        )


@pytest.mark.parametrize("case", PAST)
def test_a_task_waits_for_its_past_where_it_does_in_airflow(waits, case):
    label, _, catchup = case.rpartition(", catchup=")
    state, downstream = FIRST.get(label, (None, None))
    is_manual, is_new = "manual" in label, label.startswith("new task")
    before = [("manual" if is_manual else "scheduled", state)]
    waited = waits(
        [] if label == "no previous run" else before,
        downstream=downstream,
        catchup=catchup == "True",
        has_task=not is_new,
        depends_on_past=True,
        wait_for_downstream=label.startswith("wait_for_downstream"),
        ignore_first_depends_on_past="ignore_first_depends_on_past=False" not in label,
    )

    assert waited is PAST[case].startswith("not met")


def test_with_catchup_the_scheduled_or_backfilled_run_before_is_the_past(waits):
    failed, good = ("manual", "failed"), ("scheduled", "success")
    own = {"depends_on_past": True}

    assert not waits([good, failed, failed], catchup=True, **own)


def test_with_catchup_runs_of_a_backfill_count(waits):
    before = [("scheduled", "success"), ("backfill", "failed"), ("manual", "success")]

    assert waits(before, catchup=True, depends_on_past=True)


def test_with_catchup_a_run_by_hand_waits_for_the_scheduled_one(waits):
    before = [("scheduled", "failed"), ("manual", "success")]

    assert waits(before, catchup=True, kind="manual", depends_on_past=True)


@pytest.mark.parametrize("catchup", [True, False])
def test_a_run_before_the_tasks_first_date_is_not_waited_for_with_catchup(waits, catchup):
    waited = waits(
        [("scheduled", "failed")],
        catchup=catchup,
        depends_on_past=True,
        ignore_first_depends_on_past=False,
        start_date_us=START_US + DAY_US,
    )

    assert waited is not catchup

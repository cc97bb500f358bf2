"""Backfills over a whole loop: which runs and states they leave behind, as in Airflow 2.10.5."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from airflow_lite.clock import iso, to_us
from airflow_lite.errors import UserError
from airflow_lite.scheduler.backfill import (
    BackfillRange,
    check_free,
    plan_backfill,
    preview,
    reset,
    run_backfill,
)
from airflow_lite.scheduler.state.backfill import BackfillOptions
from airflow_lite.spec.graph import with_relatives
from airflow_lite.spec.model import ScheduleSpec
from airflow_lite.spec.timetable import runs_between, schedule_spec
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import backfills, pools, schema
from fixtures.goldens import GOLDENS, read_golden
from fixtures.store_rows import add_job


def _cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("backfill_cases", GOLDENS / "backfill_cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DATA = _cases()
AIRFLOW = read_golden("backfill")
DAY_US = 86_400_000_000
FIRST_US = to_us(datetime(2024, 1, 1, tzinfo=UTC))
#: Where a task's last date is passed, Airflow's backfill waits for ever: here the task is skipped.
DIFFERENT = {"after the DAG's last date", "a task that begins later"}
#: A command line refuses these, and Airflow says why in its log alone.
REFUSED = {
    "a running scheduled run": "is run by a scheduler now",
    "backwards with depends_on_past": "--run-backwards",
}


def day_us(number):
    return FIRST_US + (number - 1) * DAY_US


def spec_of(case, dag_of):
    """Return the DAG of a case; dates of tasks are those of the cases left out of comparison."""
    return dag_of(
        case.get("edges", DATA.CHAIN),
        of_task=case.get("tasks", {}),
        schedule=schedule_spec(case.get("schedule", "@daily")),
        start_date_us=to_us(datetime(2023, 1, 1, tzinfo=UTC)),
        max_active_runs=case.get("max_active_runs", 16),
        catchup=False,
    )


def lay(rig, spec, version, case):
    """Make the runs that are there before the backfill."""
    for number, (kind, state, states) in case.get("before", {}).items():
        run = rig.trigger(
            spec,
            version,
            f"{kind}__{iso(day_us(number))}",
            day_us(number),
            run_type=kind,
            interval=(day_us(number), day_us(number + 1)),
            state=state,
            job_id=_ended_job(rig) if kind == "backfill" else None,
        )
        for name, value in zip(spec.tasks, states, strict=True):
            of_task = (schema.task_instance.c.dag_run_id == run) & (
                schema.task_instance.c.task_id == name
            )
            tried = int(value in {"failed", "success"})
            rig.edit(schema.task_instance, of_task, state=value, try_number=tried)


def _ended_job(rig):
    with rig.store.begin() as connection:
        return add_job(connection, kind="backfill", state="failed", hostname="h")


@pytest.fixture
def run_it(rig, dag_of, inline_stub):
    """Run a backfill on a stub executor: of a case, or of a DAG that is saved already."""

    def run(case, *, spec=None, version=None, **stub):
        if spec is None:
            with rig.store.begin() as connection:
                pools.set_pool(connection, "other", 4, "", include_deferred=False)
            spec = spec_of(case, dag_of)
            version = rig.save(spec)
            lay(rig, spec, version, case)
        fails = {(name, iso(day_us(number))) for name, number in case.get("fails", [])}
        stub.setdefault("outcome", lambda key: _outcome(key, fails))
        executor = inline_stub(**stub)
        executor.configure(rig.config)
        executor.store = rig.store
        rig.executor = executor
        plan = planned(spec, version, case)
        check_free(rig.config, rig.store, plan)
        if case.get("options", {}).get("reset_dagruns"):
            reset(rig.store, plan)
        end = run_backfill(rig.config, rig.store, plan, executor=executor, on_event=rig.told.append)
        return plan, end

    return run


def _outcome(key, fails):
    return State.FAILED if (key.task_id, key.run_id.partition("__")[2]) in fails else State.SUCCESS


def planned(spec, version, case):
    options = dict(case.get("options", {}))
    options.pop("reset_dagruns", None)
    is_backwards = options.pop("run_backwards", False)
    pool, pattern = options.pop("pool", None), options.pop("task_regex", None)
    upstream = not options.pop("ignore_dependencies", False)
    task_ids = None
    if pattern is not None:
        matching = [name for name in spec.tasks if name in pattern]
        task_ids = with_relatives(spec.tasks, matching, upstream=upstream, downstream=False)
    first, last = case["days"]
    dates = BackfillRange(day_us(first), day_us(last), is_backwards=is_backwards)
    own = BackfillOptions(**options)
    return plan_backfill(spec, version, dates, own, task_ids=task_ids, pool=pool)


def rows_of(rig, case):
    """Return what there is now, as the golden has it."""
    is_marked = case.get("options", {}).get("mark_success")
    found = {}
    for run in rig.rows(schema.dag_run):
        instances = rig.rows(schema.task_instance, dag_run_id=run.id)
        found[run.run_id] = {
            "type": run.run_type,
            "state": run.state,
            "interval": [text(run.interval_start_us), text(run.interval_end_us)],
            "tasks": {
                row.task_id: shown(row.state, 1 if is_marked else row.try_number)
                for row in sorted(instances, key=lambda row: row.task_id)
            },
        }
    return found


def text(moment_us):
    return str(iso(moment_us)).replace("T", " ")


def shown(state, tries):
    """What is compared: tries of what ran."""
    return [state, tries if state in {"success", "failed"} else None]


def golden_of(name):
    runs = AIRFLOW["cases"][name]["runs"]
    return {
        run_id: {**run, "tasks": {task: shown(*it) for task, it in run["tasks"].items()}}
        for run_id, run in runs.items()
    }


@pytest.mark.parametrize("name", sorted(DATA.CASES.keys() - DIFFERENT))
def test_a_backfill_leaves_the_runs_and_states_that_airflow_does(rig, run_it, name):
    case = DATA.CASES[name]
    if name in REFUSED:
        with pytest.raises(UserError, match=REFUSED[name]):
            run_it(case)
    else:
        plan, end = run_it(case)
        # Airflow says "done" of one that went on though tasks had failed.
        is_good = not end.stuck and (plan.options.continue_on_failures or not plan.failed)
        assert is_good is (AIRFLOW["cases"][name]["answer"] == "done")
    assert rows_of(rig, case) == golden_of(name)


@pytest.mark.parametrize("name", DATA.RANGES)
def test_the_dates_of_a_range_are_those_of_airflow(dag_of, name):
    case = DATA.RANGES[name]
    spec = dag_of(
        {},
        schedule=_schedule(case),
        timezone=case.get("timezone", "UTC"),
        start_date_us=_moment(case.get("start_date", "2020-01-01")),
        end_date_us=_moment(case["end_date"]) if "end_date" in case else None,
        catchup=case.get("catchup", True),
    )
    now_us = to_us(datetime.now(UTC))
    runs = runs_between(spec, _moment(case["first"]), _moment(case["last"]), now_us)
    dates = [(run.logical_us, run.interval_start_us, run.interval_end_us) for run in runs]
    assert [[text(moment) for moment in run] for run in dates] == AIRFLOW["ranges"][name]


def _moment(shown):
    return to_us(datetime.fromisoformat(shown).replace(tzinfo=UTC))


def _schedule(case: dict[str, Any]) -> ScheduleSpec:
    if "trigger" in case:
        looks_back = float(case.get("interval_s", 0))
        return ScheduleSpec("cron_trigger", case["trigger"], delta_s=looks_back)
    if "events" in case:
        return ScheduleSpec("events", moments_us=tuple(map(_moment, case["events"])))
    if isinstance(case["schedule"], int):
        return ScheduleSpec("delta", delta_s=float(case["schedule"]))
    return schedule_spec(case["schedule"])


def test_a_backfill_that_is_started_again_does_what_is_left(rig, dag_of, run_it):
    spec = dag_of({"a": ["b"]}, schedule=schedule_spec("@daily"))
    version = rig.save(spec)
    run_it({"days": (1, 2)}, spec=spec, version=version)
    plan, _ = run_it({"days": (1, 4)}, spec=spec, version=version)
    days = {key.run_id.partition("__")[2][:10] for key in rig.executor.executed}
    assert days == {"2024-01-03", "2024-01-04"}
    assert len(rig.executor.executed) == 4
    assert (plan.ended, plan.untold) == ({"success": 4}, 2)
    assert rig.findings() == []


DAILY = {"schedule": schedule_spec("@daily")}


@pytest.fixture
def daily(rig, dag_of):
    """A DAG of two tasks and its version: what `run_it` takes."""
    spec = dag_of({"a": ["b"]}, of_task={"a": {"retries": 3}}, **DAILY)
    return {"spec": spec, "version": rig.save(spec, is_paused=True)}


def test_a_retry_is_given_up_and_a_pool_is_taken_where_that_is_asked_for(rig, run_it, daily):
    with rig.store.begin() as connection:
        pools.set_pool(connection, "other", 4, "", include_deferred=False)
    case = {
        "days": (1, 1),
        "fails": [("a", 1)],
        "options": {"disable_retry": True, "pool": "other", "conf": {"x": 1}},
    }
    run_it(case, **daily)
    (run,) = rig.rows(schema.dag_run)
    assert (run.state, run.conf) == ("failed", '{"x": 1}')
    rows = rig.rows(schema.task_instance)
    assert [(row.task_id, row.state, row.pool) for row in rows] == [
        ("a", "failed", "other"),
        ("b", "upstream_failed", "other"),
    ]


def test_a_queued_run_that_a_backfill_takes_is_no_schedulers_any_more(rig, run_it, daily):
    row = rig.trigger(
        daily["spec"], daily["version"], "scheduled__x", day_us(1), run_type="scheduled"
    )
    scheduler = rig.start()
    rig.settle()
    assert [run.id for run in scheduler.context.memory.queued] == [row]
    run_it({"days": (1, 1)}, **daily)
    with rig.store.begin() as connection:  # as long as the backfill is at work
        connection.execute(schema.dag_run.update().values(state="running", row_version=9))
        connection.execute(schema.task_instance.update().values(state=None))
    rig.after(60)
    memory = scheduler.context.memory
    assert ([*memory.queued], [*memory.running]) == ([], [])


def test_what_a_dead_backfill_left_is_taken_up_and_what_a_living_one_runs_is_not(
    rig, run_it, daily
):
    jobs = {"kind": "backfill", "hostname": "elsewhere"}
    with rig.store.begin() as connection:
        dead = add_job(connection, **jobs)
        living = add_job(connection, **jobs, latest_beat_us=2**60)
    for number, job_id in ((1, dead), (2, living)):
        rig.trigger(
            daily["spec"],
            daily["version"],
            f"backfill__{number}",
            day_us(number),
            run_type="backfill",
            state="running",
            job_id=job_id,
        )
    with pytest.raises(UserError, match="'backfill__2' of DAG 'd' is run by another backfill now"):
        run_it({"days": (1, 2)}, **daily)
    assert rig.rows(schema.job, id=dead)[0].state == "failed"
    plan, _ = run_it({"days": (1, 1)}, **daily)
    assert plan.ended == {"success": 1}


def test_a_run_whose_last_task_ended_as_its_backfill_died_is_brought_to_its_end(rig, run_it, daily):
    run_it({"days": (1, 1)}, **daily)
    with rig.store.begin() as connection:
        dead = add_job(connection, kind="backfill", hostname="elsewhere")
        values = {"state": "running", "end_us": None, "job_id": dead}
        connection.execute(schema.dag_run.update().values(values))
    plan, _ = run_it({"days": (1, 1)}, **daily)
    assert (plan.ended, plan.untold) == ({"success": 1}, 0)
    assert [run.state for run in rig.rows(schema.dag_run)] == ["success"]


def test_a_queued_run_of_which_the_tasks_asked_for_are_done_is_left_to_the_scheduler(
    rig, run_it, daily
):
    row = rig.trigger(
        daily["spec"], daily["version"], "scheduled__x", day_us(1), run_type="scheduled"
    )
    with rig.store.begin() as connection:
        connection.execute(
            schema.task_instance.update()
            .where(schema.task_instance.c.task_id == "a")
            .values(state="success")
        )
    plan, _ = run_it({"days": (1, 1), "options": {"task_regex": ["a"]}}, **daily)
    [run] = rig.rows(schema.dag_run, id=row)
    assert (plan.untold, run.state, run.run_type) == (1, "queued", "scheduled")


def test_a_backfill_of_its_own_width_begins_whatever_else_runs(rig, run_it, dag_of):
    spec = dag_of({"a": []}, **DAILY, max_active_runs=1)
    version = rig.save(spec)
    rig.trigger(spec, version, "other", day_us(9), run_type="scheduled", state="running")
    with rig.store.read() as connection:
        assert backfills.count_others(connection, "d", 1) == 1
    plan, _ = run_it(
        {"days": (1, 3), "options": {"max_active_runs": 2}}, spec=spec, version=version
    )
    assert plan.ended == {"success": 3}


def test_what_a_backfill_would_do_is_shown_and_not_done(rig, run_it, daily):
    run_it({"days": (2, 2), "fails": [("b", 2)]}, **daily)
    case = {"days": (1, 2), "options": {"rerun_failed_tasks": True}}
    before = rows_of(rig, case)
    shown_runs = preview(rig.store, planned(daily["spec"], daily["version"], case))
    assert [(run.run_id[10:20], run.left, run.known) for run in shown_runs] == [
        ("2024-01-01", 2, False),
        ("2024-01-02", 1, True),
    ]
    assert rows_of(rig, case) == before


def test_each_try_is_told_with_its_run(rig, run_it, daily):
    run_it({"days": (1, 1)}, **daily)
    name = "backfill__2024-01-01T00:00:00+00:00"
    assert rig.told == [
        f"{name} d.a try 1: queued",
        f"{name} d.a try 1: success",
        f"{name} d.b try 1: queued",
        f"{name} d.b try 1: success",
        f"run {name} of d: success",
    ]


def test_a_run_of_another_date_that_has_the_id_is_told_of(rig, run_it, daily):
    taken = "backfill__2024-01-02T00:00:00+00:00"
    rig.trigger(daily["spec"], daily["version"], taken, day_us(9), state="success")
    plan, _ = run_it({"days": (1, 3), "options": {"max_active_runs": 1}}, **daily)
    assert plan.ended == {"success": 1}
    assert plan.refusal is not None
    assert f"DAG 'd' has a run {taken!r} with logical date 2024-01-09" in plan.refusal

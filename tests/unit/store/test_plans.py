"""No statement of a scheduler or a task host reads a whole table of history."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import (
    attempts,
    callbacks,
    jobs,
    lookup,
    ownership,
    runs,
    scheduling,
    xcoms,
)
from airflow_lite.store.engine import open_store
from fixtures.query_plans import recorded_statements, table_scans
from fixtures.store_rows import add_run, add_version

#: These grow with what was run; every other table with what there is.
HISTORY = {"dag_run", "task_instance", "attempt", "task_event", "xcom", "callback_request"}
#: Indexes over the rows that are not over yet: reading all of one is reading what is going on.
PARTIAL = ("task_instance_active", "dag_run_unfinished", "callback_request_open")

NOW = 1_700_000_000_000_000
WHOSE = [runs.RunsOf(1, is_own) for is_own in (True, False)]
TOKEN = "0" * 32
KEY = TaskInstanceKey("d", "a", "r", 1, -1, TOKEN)
HOST = attempts.Supervisor("s", "host", "h", "b", 1, 2)
SPEC = DagSpec("d", tasks={"a": TaskSpec("a")})
EDIT = {
    "row": 1,
    "was_state": None,
    "was_attempt": None,
    "token": TOKEN,
    "try_number": 1,
    "to_try": 1,
    "try_started_us": None,
    "to_state": "queued",
    "stuck": 0,
    "version": 1,
    "executor_name": "e",
    "next_at_us": None,
    "actor": "test",
    "cause": "test",
    "now_us": NOW,
}
NEXT = {"of_dag": "d", "logical": 1, "interval_start": 1, "interval_end": 1, "create_after": 1}

#: What is called of each module, each once, in this order; together every public function.
CALLS: dict[Any, dict[str, Any]] = {
    runs: {
        "create_run": lambda c: runs.create_run(
            c, SPEC, 1, run_id="r", run_type="manual", logical_us=1, interval=(1, 1), now_us=NOW
        ),
        "insert_instances": lambda c: runs.insert_instances(c, 1, [TaskSpec("b")]),
        "unfinished_versions": lambda c: [runs.unfinished_versions(c, whose) for whose in WHOSE],
        "run_rows": lambda c: runs.run_rows(c, [1]),
        "row_versions": lambda c: runs.row_versions(c, [1]),
        "start_runs": lambda c: runs.start_runs(c, [1], NOW),
        "end_run": lambda c: runs.end_run(c, 1, state="success", now_us=NOW),
        "set_run_version": lambda c: runs.set_run_version(c, [1], 1),
        "last_scheduled": lambda c: runs.last_scheduled(c, ["d"]),
        "run_before": lambda c: [
            runs.run_before(c, "d", 5, of_schedule=of_schedule) for of_schedule in (False, True)
        ],
        "states_in_run": lambda c: runs.states_in_run(c, 1, ["a"]),
    },
    scheduling: {
        "instance_rows": lambda c: scheduling.instance_rows(c, [1]),
        "instances_by_id": lambda c: scheduling.instances_by_id(c, [1]),
        "active_rows": scheduling.active_rows,
        "queue_attempts": lambda c: scheduling.queue_attempts(c, [EDIT]),
        "write_changes": lambda c: [
            scheduling.write_changes(c, [{**EDIT, "to_state": state}])
            for state in ("success", "queued")
        ],
        "end_tries": lambda c: scheduling.end_tries(c, [EDIT]),
        "requeue": lambda c: scheduling.requeue(c, [EDIT]),
        "set_external_ids": lambda c: scheduling.set_external_ids(
            c, [{"row": 1, "token": TOKEN, "external": "x"}]
        ),
        "attempt_processes": lambda c: scheduling.attempt_processes(c, [TOKEN]),
        "pool_room": lambda c: scheduling.pool_room(c, 9),
        "waiting_in_queue": scheduling.waiting_in_queue,
        "dag_rows": scheduling.dag_rows,
        "set_next_runs": lambda c: scheduling.set_next_runs(c, [NEXT]),
        "refresh_instances": lambda c: scheduling.refresh_instances(c, [(1, TaskSpec("a"))]),
        "has_active": lambda c: scheduling.has_active(c, 1),
        "abandon_runs": lambda c: scheduling.abandon_runs(c, [1], NOW, "its process is dead"),
        "delete_run": lambda c: scheduling.delete_run(c, 99),
    },
    attempts: {
        "register": lambda c: attempts.register(c, HOST, NOW),
        "beat": lambda c: attempts.beat(c, "s", NOW),
        "watch": lambda c: attempts.watch(c, [1]),
        "claim": lambda c: attempts.claim(
            c, [attempts.Claim(1, TOKEN, 1, 1, clears_xcom=True, xcom_of=(1, "a", -1))], HOST, NOW
        ),
        "note_started": lambda c: attempts.note_started(c, [attempts.Started(TOKEN, 1, 2, 3, 4)]),
        "end": lambda c: attempts.end(
            c,
            [
                attempts.Ended(1, TOKEN, "success", "success", None, NOW),
                attempts.Ended(1, TOKEN, "failed", "failed", "x", NOW, callback="on_failure"),
            ],
            HOST,
        ),
        "give_back": lambda c: attempts.give_back(
            c, [attempts.Returned(1, TOKEN, None, "x")], HOST, NOW
        ),
        "save_rendered": lambda c: attempts.save_rendered(c, {1: "{}"}),
        "rendered": lambda c: attempts.rendered(c, 1),
        "end_supervisor": lambda c: attempts.end_supervisor(c, "s", NOW, "test"),
    },
    lookup: {
        "find": lambda c: lookup.find(c, [KEY]),
        "find_run": lambda c: [
            lookup.find_run(c, "d", run, logical) for run, logical in (("r", None), (None, 1))
        ],
        "finished_tasks": lambda c: lookup.finished_tasks(c, 1),
        "first_reschedule": lambda c: lookup.first_reschedule(c, 1, 1),
        "task_instances": lambda c: lookup.task_instances(c, 1),
        "previous_run": lambda c: [
            lookup.previous_run(c, "d", 5, state, of_schedule=of_schedule)
            for state, of_schedule in ((None, False), ("success", False), (None, True))
        ],
    },
    xcoms: {
        "put": lambda c: xcoms.put(c, [xcoms.XComValue(1, "a", -1, "k", "1")], NOW),
        "get": lambda c: [
            xcoms.get(c, xcoms.XComQuery("d", "r", 1, "k", tasks, include_prior_dates=prior))
            for tasks, prior in ((["a"], False), (["a"], True), (None, False))
        ],
        "clear": lambda c: xcoms.clear(c, [(1, "a", -1)]),
    },
    callbacks: {
        "ask": lambda c: callbacks.ask(c, 1, "on_failure", "x", now_us=NOW, instance_id=1),
        "ask_once": lambda c: callbacks.ask_once(c, 1, "on_skip", "x", now_us=NOW, instance_id=1),
        "open_requests": lambda c: [callbacks.open_requests(c, whose) for whose in WHOSE],
        "open_of_ended_jobs": callbacks.open_of_ended_jobs,
        "begin": lambda c: callbacks.begin(c, 1, NOW),
        "open_of": lambda c: callbacks.open_of(c, [1]),
        "end": lambda c: callbacks.end(c, 1, NOW, None),
        "give_up": lambda c: callbacks.give_up(c, 1, NOW, "x"),
    },
    jobs: {
        "start_job": lambda c: jobs.start_job(
            c,
            kind="scheduler",
            hostname="h",
            pid=1,
            boot_id=None,
            process_start=1,
            executor="e",
            now_us=NOW,
        ),
        "beat": lambda c: jobs.beat(c, 1),
        "running_jobs": lambda c: jobs.running_jobs(c, "scheduler"),
        "jobs_of_state": lambda c: jobs.jobs_of_state(c, "failed", limit=3),
        "hold": lambda c: [jobs.hold(c, 1, pools) for pools in ((), ["default_pool"])],
        "end_silent": lambda c: jobs.end_silent(c, jobs.running_jobs(c), NOW),
        "runs_of_jobs": lambda c: jobs.runs_of_jobs(c, [1]),
        "end_jobs": lambda c: jobs.end_jobs(c, [1], state="success", now_us=NOW),
    },
    ownership: {
        "owned_counts": ownership.owned_counts,
        "claim_dags": lambda c: ownership.claim_dags(c, 1, 9),
        "release_dags": lambda c: [ownership.release_dags(c, 1, ids) for ids in (["d"], None)],
    },
}


@pytest.fixture
def store(tmp_path):
    with_store = open_store(Config(tmp_path))
    with with_store.begin() as connection:
        add_run(connection, SPEC, add_version(connection, SPEC), "first", now_us=NOW)
    yield with_store
    with_store.close()


@pytest.mark.parametrize("module", CALLS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_function_reads_a_whole_table_of_history(store, module):
    with (
        recorded_statements(store) as found,
        store.engine.connect() as connection,
        connection.begin() as transaction,
    ):
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for call in CALLS[module].values():
            call(connection)
        transaction.rollback()
    assert len({text for text, _ in found}) >= len(CALLS[module])
    assert {scan for scan in table_scans(store, found) if scan[0] in HISTORY} == set()


@pytest.mark.parametrize("module", CALLS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_function_that_takes_a_connection_is_looked_at(module):
    public = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_")
        and function.__module__ == module.__name__
        and next(iter(inspect.signature(function).parameters)) == "connection"
    }
    assert public - {"database_now_us"} == set(CALLS[module])

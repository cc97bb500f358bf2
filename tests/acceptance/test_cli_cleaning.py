"""Old records and logs are deleted by command, also while a scheduler works."""

from __future__ import annotations

import pytest

from fixtures.waits import DEADLINE_S

DAGS = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("little", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="say", bash_command="echo hello")
"""
COUNT = 120


@pytest.fixture
def aged(home):
    """A home with many runs that ended long ago."""
    home.dag("little", DAGS)
    home.run("dags", "trigger", "little", "-r", "r0", "-e", "2024-01-01")
    home.execute("UPDATE dag_run SET state = 'success', end_us = 1704067200000000")
    runs = [{"run_id": f"r{number}", "number": number} for number in range(1, COUNT)]
    home.execute(
        "INSERT INTO dag_run (dag_id, run_id, run_type, state, logical_us,"
        " interval_start_us, interval_end_us, queued_us, end_us)"
        " SELECT dag_id, :run_id, run_type, state, logical_us + :number, interval_start_us,"
        " interval_end_us, queued_us, end_us FROM dag_run WHERE run_id = 'r0'",
        runs,
    )
    return home


def run_ids(home):
    return [row["run_id"] for row in home.json("dags", "list-runs", "-d", "little")]


def test_a_dry_run_says_what_would_go_and_deletes_nothing(aged):
    words = ("db", "clean", "--clean-before-timestamp", "2024-02-01", "--tables", "dag_run,xcom")

    assert aged.run(*words, "--dry-run").stdout.splitlines() == [
        "xcom: 0 old record(s)",
        f"dag_run: {COUNT - 1} old record(s)",
    ]
    assert "This needs your confirmation" in aged.run(*words, exit_code=1).stderr
    assert len(run_ids(aged)) == COUNT


def test_old_runs_are_deleted_and_the_newest_stays(aged):
    words = ("db", "clean", "--clean-before-timestamp")

    aged.run(*words, "2023-12-31", "-y", "--skip-archive")
    assert len(run_ids(aged)) == COUNT
    assert aged.run(*words, "2024-02-01", "-y").stdout.splitlines()[-1] == (
        f"Removed {COUNT} record(s)"  # with the task instance of the first
    )
    assert run_ids(aged) == [f"r{COUNT - 1}"]


def test_a_table_that_cannot_be_cleaned_is_told(home):
    words = ("db", "clean", "--clean-before-timestamp", "2024-01-01", "-t", "dag_runs")

    assert home.run(*words, exit_code=1).stderr.splitlines()[-1] == (
        "airflow-lite: error: 'dag_runs' is no table that can be cleaned. There are: task_event,"
        " callback_request, dataset_event, xcom, dag_run, dag_version, supervisor, job."
    )


def test_old_runs_are_deleted_beside_a_scheduler_that_works(aged):
    with aged.scheduler():
        with aged.start("dags", "trigger", "little", "-r", "new", "--wait") as waiting:
            aged.run("db", "clean", "--clean-before-timestamp", "2024-02-01", "-y")
            assert waiting.wait(DEADLINE_S) == 0
        aged.run("dags", "trigger", "little", "-r", "newer", "--wait")
        assert {"new", "newer"} <= set(run_ids(aged))
        assert "r1" not in run_ids(aged)


def test_deleting_a_dag_takes_its_logs_unless_they_are_to_stay(home):
    home.dag("little", DAGS)
    logs = home.folder / "logs" / "dag_id=little"
    for keep in (True, False):
        home.run("dags", "test", "little")
        assert list(logs.rglob("*.log"))
        done = home.run("dags", "delete", "little", "-y", *(["--keep-logs"] if keep else []))
        assert logs.exists() == keep
        assert (f"Removed its logs, {logs}" in done.stdout) != keep

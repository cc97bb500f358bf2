"""Sensors of files and commands, with real ones, and what an asynchronous one costs while it waits."""

from __future__ import annotations

import json

import pytest

from airflow_lite import DAG, AirflowFailException, BaseBranchOperator, BashSensor, FileSensor

WAITING = """
from datetime import datetime, timedelta, timezone
from airflow_lite import (
    DAG, BranchDayOfWeekOperator, DateTimeSensorAsync, EmptyOperator, FileSensor, WeekDay,
)

with DAG("waiting", start_date=datetime(2024, 1, 1), schedule=None):
    soon = DateTimeSensorAsync(
        task_id="soon", target_time="{{ dag_run.start_date + macros.timedelta(seconds=2) }}"
    )
    DateTimeSensorAsync(
        task_id="late", target_time="{{ dag_run.start_date + macros.timedelta(hours=2) }}"
    )
    found = FileSensor(
        task_id="found", filepath="inbox/*.csv", poke_interval=0.05, deferrable=True,
    )
    branch = BranchDayOfWeekOperator(
        task_id="branch", week_day=set(WeekDay), follow_task_ids_if_true="always",
        follow_task_ids_if_false="never",
    )
    soon >> branch >> [EmptyOperator(task_id="always"), EmptyOperator(task_id="never")]
"""


@pytest.fixture
def sensor(make_context):
    """Make a sensor in a DAG, rendered as for a run of it."""

    def make(kind, **options):
        with DAG("d", schedule=None):
            made = kind(task_id="t", **options)
        context = make_context(made)
        made.render_template_fields(context)
        return made, context

    return make


@pytest.mark.parametrize(("code", "is_met"), [(0, True), (1, False), (7, False)])
def test_a_command_meets_the_condition_by_exit_code_zero(sensor, code, is_met):
    made, context = sensor(BashSensor, bash_command=f"exit {code}")
    assert made.poke(context) is is_met


def test_with_a_code_of_its_own_for_not_yet_any_other_fails_the_task(sensor):
    made, context = sensor(
        BashSensor, bash_command="exit $CODE", env={"CODE": "7"}, retry_exit_code=7
    )
    assert made.poke(context) is False

    made.env = {"CODE": "8"}
    with pytest.raises(AirflowFailException, match="exited with return code 8"):
        made.poke(context)


def test_a_file_is_found_by_its_path_or_a_pattern(sensor, tmp_path):
    made, context = sensor(FileSensor, filepath=tmp_path / "{{ ds }}.csv")
    by_pattern, _ = sensor(FileSensor, filepath=f"{tmp_path}/*.csv")
    assert not made.poke(context)
    assert not by_pattern.poke(context)

    (tmp_path / f"{context['ds']}.csv").touch()
    assert made.poke(context)
    assert by_pattern.poke(context)


def test_a_folder_counts_once_a_file_is_below_it(sensor, tmp_path):
    made, context = sensor(FileSensor, filepath=tmp_path / "inbox")
    (tmp_path / "inbox" / "deep").mkdir(parents=True)
    assert not made.poke(context)

    (tmp_path / "inbox" / "deep" / "file").touch()
    assert made.poke(context)


def test_two_stars_go_through_folders_where_they_are_asked_to(sensor, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.csv").touch()
    pattern = f"{tmp_path}/**/c.csv"
    for recursive in (True, False):
        made, context = sensor(FileSensor, filepath=pattern, recursive=recursive)
        assert made.poke(context) is recursive


def test_a_relative_path_begins_where_the_connection_says(sensor, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SHARE", json.dumps({"extra": {"path": str(tmp_path)}}))
    (tmp_path / "file").touch()
    made, context = sensor(FileSensor, filepath="file", fs_conn_id="share")
    assert made.path == str(tmp_path / "file")
    assert made.poke(context)


def test_a_branch_of_ones_own_chooses_what_follows(home):
    home.dag(
        "own",
        """
from datetime import datetime
from airflow_lite import DAG, BaseBranchOperator, EmptyOperator

class ByNumber(BaseBranchOperator):
    def choose_branch(self, context):
        return ["even"] if context["params"]["number"] % 2 == 0 else None

with DAG("own", start_date=datetime(2024, 1, 1), schedule=None, params={"number": 2}):
    ByNumber(task_id="by") >> [EmptyOperator(task_id="even"), EmptyOperator(task_id="other")]
""",
    )
    done = home.run("dags", "test", "own", "2024-06-01", "-c", '{"number": 4}')
    assert "skipped" in done.stdout
    rows = home.json("tasks", "states-for-dag-run", "own", "2024-06-01")
    states = {row["task_id"]: row["state"] for row in rows}
    assert states == {"by": "success", "even": "success", "other": "skipped"}


def test_a_branch_has_to_say_how_it_chooses():
    with DAG("d", schedule=None):
        branch = BaseBranchOperator(task_id="t")
    with pytest.raises(NotImplementedError, match=r"BaseBranchOperator has no choose_branch\(\)"):
        branch.execute({})


def test_what_waits_without_a_process_is_deferred_and_ends(home, wait_until):
    home.dag("waiting", WAITING)
    inbox = home.folder / "inbox"
    home.environ["AIRFLOW_CONN_FS_DEFAULT"] = json.dumps({"extra": {"path": str(home.folder)}})
    with home.scheduler():
        home.run("dags", "trigger", "waiting", "-r", "r")

        def states():
            return home.states("waiting", "r")

        wait_until(lambda: states()["always"] == "success", "the branch after the moment")
        assert states()["found"] == "deferred"
        inbox.mkdir()
        (inbox / "a.csv").touch()
        wait_until(lambda: states()["found"] == "success", "the file")

    assert states()["never"] == "skipped"
    assert states()["late"] == "deferred"

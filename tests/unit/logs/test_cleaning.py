"""Old logs go, a run's folder at a time; those of runs that are not over stay."""

from __future__ import annotations

import os

import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.cleaning import delete_logs_of_dag, delete_old_logs
from airflow_lite.worker.task_log.paths import log_path, open_for_writing, run_folder

NOW_S = 1_000_000.0


def log(folder, run_id, age_s, dag_id="d", task_id="t"):
    key = TaskInstanceKey(dag_id, task_id, run_id, 1)
    os.close(open_for_writing(folder, key))
    path = log_path(folder, key)
    for place in (path, path.parent, path.parents[1], path.parents[2]):
        os.utime(place, (NOW_S - age_s, NOW_S - age_s))
    return path


def test_old_logs_go_with_their_folders_and_new_ones_stay(tmp_path):
    old, new = log(tmp_path, "old", 100), log(tmp_path, "new", 1)

    assert sum(delete_old_logs(tmp_path, NOW_S - 10, ())) == 1
    assert not old.parents[1].exists()
    assert new.exists()


def test_logs_of_runs_that_are_not_over_stay(tmp_path):
    path = log(tmp_path, "r", 100)

    assert sum(delete_old_logs(tmp_path, NOW_S, {run_folder(tmp_path, "d", "r")})) == 0
    assert path.exists()


def test_a_folder_in_which_something_is_new_stays(tmp_path):
    old, new = log(tmp_path, "r", 100), log(tmp_path, "r", 1, task_id="u")

    assert sum(delete_old_logs(tmp_path, NOW_S - 10, ())) == 1
    assert not old.exists()
    assert new.exists()


def test_a_dag_whose_logs_are_all_gone_has_no_folder(tmp_path):
    log(tmp_path, "r", 100)

    list(delete_old_logs(tmp_path, NOW_S - 10, ()))

    assert list(tmp_path.iterdir()) == []


def test_links_are_not_followed_and_other_files_are_left(tmp_path):
    outside = tmp_path / "outside"
    kept = log(outside, "r", 100)
    folder = tmp_path / "logs"
    (folder / "dag_id=e").mkdir(parents=True)
    (folder / "dag_id=linked").symlink_to(outside / "dag_id=d")
    (folder / "dag_id=e" / "run_id=linked").symlink_to(outside / "dag_id=d" / "run_id=r")
    (folder / "notes.txt").write_text("mine")

    assert sum(delete_old_logs(folder, NOW_S * 1e6, ())) == 0
    assert kept.exists()
    assert (folder / "notes.txt").exists()


def test_a_folder_that_is_not_there_has_no_logs(tmp_path):
    assert list(delete_old_logs(tmp_path / "none", NOW_S, ())) == []
    assert delete_logs_of_dag(tmp_path / "none", "d") is None


def test_all_logs_of_a_dag_go(tmp_path):
    log(tmp_path, "r", 1)
    other = log(tmp_path, "r", 1, dag_id="e")

    assert delete_logs_of_dag(tmp_path, "d") == tmp_path / "dag_id=d"
    assert [path.name for path in tmp_path.iterdir()] == ["dag_id=e"]
    assert other.exists()


def test_a_log_is_written_though_its_empty_folder_is_deleted_meanwhile(tmp_path, monkeypatch):
    from airflow_lite.worker.task_log import paths

    check, calls = paths.check_inside, []

    def check_after_the_folder_went(folder, path):
        calls.append(path)
        if len(calls) == 1:
            path.parent.rmdir()
        return check(folder, path)

    monkeypatch.setattr(paths, "check_inside", check_after_the_folder_went)
    key = TaskInstanceKey("d", "t", "r", 1)
    os.close(open_for_writing(tmp_path, key))

    assert log_path(tmp_path, key).exists()


@pytest.mark.parametrize("dag_id", ["..", "a/b", ""])
def test_an_id_that_leads_elsewhere_deletes_nothing(tmp_path, dag_id):
    from airflow_lite.errors import InvalidIdError

    with pytest.raises(InvalidIdError):
        delete_logs_of_dag(tmp_path, dag_id)

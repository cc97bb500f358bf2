"""Where logs lie, and that no id leads out of the log folder."""

from __future__ import annotations

import os

import pytest

from airflow_lite.errors import InvalidIdError
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.worker.task_log.paths import log_path, open_for_reading, open_for_writing


def test_the_form_is_that_of_airflow(tmp_path):
    key = TaskInstanceKey("d", "g.t", "manual__2024-01-01T00:00:00+00:00", 2)

    assert log_path(tmp_path, key) == tmp_path.joinpath(
        "dag_id=d", "run_id=manual__2024-01-01T00:00:00+00:00", "task_id=g.t", "attempt=2.log"
    )
    assert log_path(tmp_path, key._replace(map_index=3)).parent.name == "map_index=3"


@pytest.mark.parametrize("bad", ["../x", "", "a/b", "x" * 251, "a\nb", "-x", ".."])
@pytest.mark.parametrize("field", ["dag_id", "task_id", "run_id"])
def test_an_id_that_could_lead_elsewhere_is_refused(tmp_path, field, bad):
    key = TaskInstanceKey("d", "t", "r")._replace(**{field: bad})

    with pytest.raises(InvalidIdError):
        log_path(tmp_path, key)


def test_a_long_component_is_shortened_to_a_name_of_its_own(tmp_path):
    long = TaskInstanceKey("d" * 250, "ü" * 250, "r")
    other = long._replace(task_id="ü" * 249 + "u")

    parts = log_path(tmp_path, long).relative_to(tmp_path).parts
    assert max(len(part.encode()) for part in parts) <= 200
    assert log_path(tmp_path, long) != log_path(tmp_path, other)
    os.close(open_for_writing(tmp_path, long))


def test_a_link_in_the_log_folder_is_not_followed_out_of_it(tmp_path):
    logs, outside = tmp_path / "logs", tmp_path / "outside"
    logs.mkdir()
    outside.mkdir()
    (logs / "dag_id=d").symlink_to(outside)

    with pytest.raises(InvalidIdError, match="lies outside of"):
        open_for_writing(logs, TaskInstanceKey("d", "t", "r"))


def test_a_log_that_is_a_link_is_neither_written_nor_read(tmp_path):
    key = TaskInstanceKey("d", "t", "r")
    os.close(open_for_writing(tmp_path, key))
    path = log_path(tmp_path, key)
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("x")

    for opens in (open_for_writing, open_for_reading):
        with pytest.raises(OSError, match="symbolic links"):
            opens(tmp_path, key)

"""What an engine kept of a log is put into the log folder once."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import InvalidIdError
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.worker import has_log, keep_log
from airflow_lite.worker.task_log.paths import log_path

KEY = TaskInstanceKey("d", "t", "r")


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path)


@pytest.fixture
def text(tmp_path):
    """Return what the log has."""
    return lambda: log_path(tmp_path / "logs", KEY).read_bytes()


def test_a_log_is_kept_once(config, text):
    assert not has_log(config, KEY, b"one\n")
    assert keep_log(config, KEY, b"one\n")
    assert has_log(config, KEY, b"one\n")
    assert not keep_log(config, KEY, b"one\n")
    assert text() == b"one\n"


def test_further_attempts_of_a_try_are_appended(config, text):
    keep_log(config, KEY, b"one\n")
    keep_log(config, KEY, b"two\n")
    assert text() == b"one\ntwo\n"


def test_what_a_shared_folder_has_is_left_alone(config, text):
    keep_log(config, KEY, b"before\nthe attempt\nafter\n")
    assert not keep_log(config, KEY, b"the attempt\n")


def test_nothing_makes_no_file(config, tmp_path):
    assert not keep_log(config, KEY, b"\n")
    assert not (tmp_path / "logs").exists()


def test_a_log_is_cut_at_its_limit_from_the_front(tmp_path, text):
    limits = {("logging", "max_task_log_size_mb"): "1"}
    keep_log(Config(tmp_path, {}, overrides=limits), KEY, b"a" + b"b" * (1 << 20))
    assert text() == b"b" * (1 << 20)


def test_an_id_that_leads_elsewhere_is_refused(config):
    with pytest.raises(InvalidIdError):
        keep_log(config, KEY._replace(dag_id="../x"), b"x")

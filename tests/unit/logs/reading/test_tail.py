"""The end of a log: what a person sees first of a task that failed."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.reading.task_log import last_lines
from airflow_lite.worker.task_log.paths import log_path

KEY = TaskInstanceKey("d", "t", "r", 1)


@pytest.fixture
def config(tmp_path):
    return Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)})


@pytest.fixture
def write(config):
    def write(data):
        path = log_path(config.getpath("logging", "base_log_folder"), KEY)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)

    return write


def test_the_last_lines_of_a_long_log_are_read_from_its_end(config, write):
    write(b"".join(b"%d\n" % number for number in range(500_000)))
    assert last_lines(config, KEY, 3) == ["499997", "499998", "499999"]


def test_a_short_log_is_shown_whole_and_any_bytes_can_be_read(config, write):
    write(b"one\n\xff two")
    assert last_lines(config, KEY, 3) == ["one", "\N{REPLACEMENT CHARACTER} two"]

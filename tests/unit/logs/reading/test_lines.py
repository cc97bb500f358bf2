"""Reading a log that is there, whatever it holds."""

from __future__ import annotations

import os

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.reading.lines import CHUNK, FileSource, Reader
from airflow_lite.logs.reading.task_log import task_log
from airflow_lite.worker.task_log.paths import open_for_writing

KEY = TaskInstanceKey("d", "t", "r")


def _written(folder, data):
    fd = open_for_writing(folder, KEY)
    os.write(fd, data)
    os.close(fd)
    return Reader(FileSource(folder, KEY))


def test_whole_lines_come_at_once_and_the_rest_at_the_end(tmp_path):
    reader = _written(tmp_path, b"one\ntw\xff\nthr")

    assert list(reader.new_lines()) == ["one\ntw\ufffd"]
    assert list(reader.rest()) == ["thr"]


def test_lines_come_many_at_once_and_empty_ones_are_kept(tmp_path):
    data = b"x\n" * 200_000 + b"\n\n"
    blocks = list(_written(tmp_path, data).new_lines())

    assert len(blocks) <= len(data) // CHUNK + 1
    assert "".join(f"{block}\n" for block in blocks).encode() == data


def test_a_line_without_end_comes_in_pieces_of_a_megabyte_not_all_at_once(tmp_path):
    reader = _written(tmp_path, b"x" * (5 << 20))

    pieces = [*reader.new_lines(), *reader.rest()]
    assert "".join(pieces) == "x" * (5 << 20)
    assert max(map(len, pieces)) < 1.1 * (1 << 20)


def test_a_log_that_is_empty_says_so(tmp_path):
    _written(tmp_path / "logs", b"")
    config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)})

    (line,) = task_log(config, "d", "t", "r", 1)
    assert line.startswith("*** The log file ")
    assert line.endswith("attempt=1.log is empty. Is its disk full?")

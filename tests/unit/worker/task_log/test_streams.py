"""What tasks write: lines, limits, disks that are full."""

from __future__ import annotations

import logging
import os
import re

import pytest

from airflow_lite.worker.task_log.file import FileHandler, LogFile
from airflow_lite.worker.task_log.streams import TaskStream, Tee


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def fd(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield fd
    os.close(fd)


def test_a_record_is_written_as_airflow_writes_it(path, fd):
    record = logging.LogRecord("x", logging.INFO, "/a/file.py", 12, "n=%d", (3,), None)
    record.created = 1704067200.1234
    FileHandler(LogFile(fd, 1000)).handle(record)

    pattern = r"\[20(23|24)-\d\d-\d\dT\d\d:\d\d:00\.123[+-]\d{4}\] \{file\.py:12\} INFO - n=3\n"
    assert re.fullmatch(pattern, path.read_text())


def test_a_record_that_cannot_be_formatted_is_told_and_does_not_raise(path, fd):
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "%d", ("no number",), None)
    FileHandler(LogFile(fd, 1000)).handle(record)

    assert path.read_text().startswith("A log record could not be formatted: TypeError")


def test_print_writes_whole_lines_with_the_place_that_wrote_them(path, fd):
    stream = TaskStream(LogFile(fd, 10_000), 1, "INFO")
    print("one", "two", file=stream)
    print("begun", end="", file=stream)
    assert path.read_text().count("\n") == 1
    stream.finish()

    first, second = path.read_text().splitlines()
    assert re.search(r"\{test_streams\.py:\d+\} INFO - one two$", first)
    assert second.endswith("INFO - begun")


def test_text_that_is_not_utf8_does_not_raise(path, fd):
    print("\udcff", file=TaskStream(LogFile(fd, 1000), 1, "INFO"))

    assert path.read_text().endswith("\\udcff\n")


def test_the_limit_cuts_tells_once_and_drops_the_rest(path, fd):
    file = LogFile(fd, 10)
    for _ in range(3):
        file.write(b"1234567\n")

    assert path.read_bytes().startswith(b"1234567\n12\n*** The log has reached")
    assert path.read_bytes().count(b"***") == 1


def test_a_full_disk_fails_nothing():
    fd = os.open("/dev/full", os.O_WRONLY)
    file = LogFile(fd, 1000)
    stream = TaskStream(file, 1, "INFO")
    print("lost", file=stream)
    stream.buffer.write(b"lost")
    os.close(fd)

    assert not file.is_full
    assert file.error == "No space left on device"


def test_a_tee_passes_text_on_at_once_and_logs_whole_lines(path, fd, capsys):
    import sys

    tee = Tee(sys.stdout, LogFile(fd, 1000), "INFO")
    print("a", end="", file=tee)
    assert (capsys.readouterr().out, path.read_text()) == ("a", "")
    print("b", file=tee)
    assert path.read_text().endswith("INFO - ab\n")

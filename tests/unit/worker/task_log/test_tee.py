"""The log of a try on another descriptor as well."""

from __future__ import annotations

import os

import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.worker.task_log.paths import open_for_writing
from airflow_lite.worker.task_log.tee import LogTee

KEY = TaskInstanceKey("d", "t", "r")


@pytest.fixture
def write(tmp_path):
    """Append to the log."""

    def write(data):
        with open(open_for_writing(tmp_path, KEY), "ab") as file:
            file.write(data)

    return write


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def said(pipe):
    reading, writing = pipe
    os.close(writing)
    return b"".join(iter(lambda: os.read(reading, 1 << 16), b""))


def test_what_is_written_meanwhile_is_copied_once(tmp_path, write, pipe):
    tee = LogTee(tmp_path, KEY, pipe[1])
    tee.start()
    write(b"one\n")
    write(b"two\n")
    tee.close()
    assert said(pipe) == b"one\ntwo\n"


def test_what_was_there_before_is_not_copied(tmp_path, write, pipe):
    write(b"of an earlier attempt\n")
    tee = LogTee(tmp_path, KEY, pipe[1])
    tee.start()
    write(b"new\n")
    tee.close()
    assert said(pipe) == b"new\n"


def test_a_try_without_a_log_copies_nothing(tmp_path, pipe):
    tee = LogTee(tmp_path, KEY, pipe[1])
    tee.start()
    tee.close()
    assert said(pipe) == b""


def test_nobody_who_reads_is_no_error(tmp_path, write, pipe):
    unread, target = os.pipe()
    os.close(unread)
    tee = LogTee(tmp_path, KEY, target)
    tee.start()
    write(b"x")
    tee.close()
    os.close(target)
    os.close(pipe[1])

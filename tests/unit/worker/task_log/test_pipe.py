"""The host's end of what a task's subprocesses print."""

from __future__ import annotations

import os

from airflow_lite.worker.task_log.pipe import LogPipe


def test_a_pipe_that_has_ended_reads_nothing_of_whoever_has_its_number_now(tmp_path):
    reading, writing = os.pipe()
    pipe = LogPipe(reading, os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY), 1000)
    os.close(writing)
    pipe.carry()
    assert pipe.is_closed
    pipe.close()

    other_reading, other_writing = os.pipe()
    os.dup2(other_reading, reading)
    os.write(other_writing, b"of another attempt")
    pipe.carry()

    assert os.read(reading, 100) == b"of another attempt"
    pipe.release()
    for fd in {reading, other_reading, other_writing}:
        os.close(fd)

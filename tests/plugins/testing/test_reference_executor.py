"""The executor that authors start from, where the user activated no environment."""

from __future__ import annotations

from typing import Any

from airflow_lite.api.executor.task_instance import TaskInstance
from airflow_lite.keys import RunCommand, new_attempt_token
from airflow_lite_testing.reference_executor import ReferenceExecutor


def test_it_finds_the_program_beside_its_python(tmp_path, monkeypatch, wait_until):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    executor = ReferenceExecutor(1)
    ti = TaskInstance("d", "t", "r", attempt=new_attempt_token())
    executor.queue_command(ti, RunCommand(ti.key).words())
    ended: list[Any] = []

    def has_ended():
        executor.heartbeat()
        ended.extend(info for state, info in executor.get_event_buffer().values() if info)
        return not executor.running

    wait_until(has_ended, "the process to end")
    assert ended[-1] == "exit code 3"  # not mine: no such attempt is queued

"""A log of 256 MB in lines of two bytes is printed as it is read: memory does not grow with it."""

from __future__ import annotations

import os
import subprocess

import pytest

pytestmark = pytest.mark.any_database

MEGABYTE = 1 << 20
DAG = """
from airflow_lite import DAG, BashOperator

with DAG("chatty", schedule=None):
    BashOperator(task_id="talk", bash_command="echo hello")
"""
WORDS = ("tasks", "logs", "chatty", "talk")


def peak_kb(home, run_id):
    """Print the log; return the most memory that the command held."""
    process = home.start(*WORDS, run_id, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_a_log(home):
    home.dag("chatty", DAG)
    home.run("dags", "test", "chatty")
    (run,) = home.json("dags", "list-runs", "-d", "chatty")
    (log,) = (home.folder / "logs").rglob("attempt=1.log")
    short = peak_kb(home, run["run_id"])

    with log.open("wb") as file:
        for _ in range(256):
            file.write(b"x\n" * (MEGABYTE // 2))

    assert peak_kb(home, run["run_id"]) < short + 16 * 1024

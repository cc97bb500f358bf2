"""Processes of lost attempts are killed, and none that only has their number."""

from __future__ import annotations

import signal
import socket
import subprocess
from types import SimpleNamespace

import pytest

from airflow_lite.processes.proc import boot_id, process_start
from airflow_lite.processes.recorded import sweep

HERE = socket.gethostname()


@pytest.fixture
def process():
    made = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield made
    made.kill()
    made.wait()


def attempt(process, **changes):
    found = {
        "token": "0" * 32,
        "hostname": HERE,
        "boot_id": boot_id(),
        "pid": process.pid,
        "process_start": process_start(process.pid),
        "process_group": process.pid,
    }
    return SimpleNamespace(**{**found, **changes})


def test_the_process_of_an_attempt_is_killed(process):
    assert sweep([attempt(process)], HERE) == 1
    assert process.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    "changes",
    [
        {"hostname": "elsewhere"},
        {"boot_id": "an earlier boot"},
        {"process_start": 1},
        {"process_start": None},
        {"pid": None},
    ],
)
def test_a_process_that_may_be_another_is_left_alone(process, changes):
    assert sweep([attempt(process, **changes)], HERE) == 0
    assert process.poll() is None

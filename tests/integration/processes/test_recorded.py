"""Processes of lost attempts are killed, and none that only has their number."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_lite.processes.proc import (
    boot_id,
    is_over,
    is_this_space,
    process_space,
    process_start,
)
from airflow_lite.processes.recorded import is_gone, sweep
from fixtures.namespaces import in_namespace
from fixtures.waits import DEADLINE_S

HERE = socket.gethostname()


@pytest.fixture
def process(tmp_path, wait_until):
    environ = {"PATH": os.environ["PATH"], "AIRFLOW_LITE_HOME": str(tmp_path)}
    made = subprocess.Popen(["sleep", "60"], start_new_session=True, env=environ)
    # Its environment is there a moment after its program is.
    wait_until(Path(f"/proc/{made.pid}/environ").read_bytes, "the program to begin")
    yield made
    made.kill()
    made.wait()


def attempt(process, **changes):
    found = {
        "token": "0" * 32,
        "hostname": HERE,
        "boot_id": process_space(),
        "pid": process.pid,
        "process_start": process_start(process.pid),
        "process_group": process.pid,
    }
    return SimpleNamespace(**{**found, **changes})


def test_the_process_of_an_attempt_is_killed(process, tmp_path):
    assert sweep([attempt(process)], HERE, tmp_path) == 1
    assert process.wait(DEADLINE_S) == -signal.SIGKILL


@pytest.mark.parametrize(
    "changes",
    [
        {"hostname": "elsewhere"},
        {"boot_id": "an earlier boot"},
        {"boot_id": f"{boot_id()}/pid:[1]"},
        {"boot_id": 7},
        {"process_start": 1},
        {"process_start": None},
        {"pid": None},
    ],
)
def test_a_process_that_may_be_another_is_left_alone(process, tmp_path, changes):
    assert sweep([attempt(process, **changes)], HERE, tmp_path) == 0
    assert process.poll() is None


def test_a_process_that_an_older_version_recorded_is_known_by_its_boot(process, tmp_path):
    assert sweep([attempt(process, boot_id=boot_id())], HERE, tmp_path) == 1


def test_a_copy_of_a_home_leaves_the_processes_of_the_original_alone(process, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    assert sweep([attempt(process)], HERE, copy) == 0
    assert process.poll() is None


def test_a_home_that_was_moved_sweeps_what_it_left_before(process, tmp_path):
    tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert sweep([attempt(process)], HERE, tmp_path.with_name(f"{tmp_path.name}-moved")) == 1


#: Asks of processes of the outer namespace, as one of another with the same host name.
_ASK = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from airflow_lite.processes.proc import process_space
from airflow_lite.processes.recorded import is_gone, sweep

rows = [SimpleNamespace(**row) for row in json.loads(sys.argv[1])]
here = rows[0].hostname
killed = sweep(rows, here, Path("/"))
print(json.dumps([process_space(), [is_gone(row, here) for row in rows], killed]))
"""


def test_nobody_is_taken_for_dead_or_killed_from_another_pid_namespace(process):
    there = attempt(process)
    rows = [vars(there), vars(attempt(process, process_start=1)), vars(attempt(process, pid=1))]
    done = subprocess.run(
        in_namespace(sys.executable, "-c", _ASK, json.dumps(rows)),
        capture_output=True,
        check=True,
        text=True,
    )
    space, are_gone, killed = json.loads(done.stdout)

    assert space.split("/")[0] == boot_id()
    assert not is_this_space(space)
    assert are_gone == [False, False, False]
    assert killed == 0
    assert process.poll() is None


def test_a_process_that_ended_is_gone_though_nobody_has_reaped_it(process, tmp_path, wait_until):
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: is_over(process.pid), "its end")
    assert is_gone(attempt(process), HERE)
    assert sweep([attempt(process)], HERE, tmp_path) == 0


def test_a_process_of_an_earlier_boot_is_gone_wherever_it_was(process):
    assert is_gone(attempt(process, boot_id="earlier/pid:[1]"), HERE)
    assert not is_gone(attempt(process), HERE)
    assert is_gone(attempt(process, process_start=1), HERE)

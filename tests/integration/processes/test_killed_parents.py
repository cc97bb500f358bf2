"""Whoever waits for a child that hangs may be killed: the child goes as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from fixtures.processes import is_gone
from fixtures.waits import DEADLINE_S

NOTES = """
import os, time
with open(os.environ["NOTE"], "w") as file:
    file.write(str(os.getpid()))
time.sleep(600)
"""
PROBES = """
from airflow_lite.plugins.discovery.targets import MODULE, Target
from airflow_lite.plugins.probing.probe import probe
probe([Target(MODULE, "hangs", "hangs")], timeout_s=600)
"""
CERTIFIES = """
from airflow_lite.plugins.discovery.locate import Located
from airflow_lite_testing.certificate import certify
certify(Located("hangs.Executor", "hangs.Executor"), cases=["basic.flags.are-booleans-of-the-class"])
"""


@pytest.fixture
def hanging(tmp_path, wait_until):
    """Start a process that imports what hangs, in a child; return both, once the child hangs."""
    (tmp_path / "hangs.py").write_text(NOTES)
    note, started = tmp_path / "note", []

    def start(source):
        environ = {**os.environ, "PYTHONPATH": str(tmp_path), "NOTE": str(note)}
        process = subprocess.Popen(
            [sys.executable, "-c", source], env=environ, stderr=subprocess.DEVNULL
        )
        started.append(process)
        text = wait_until(lambda: note.exists() and note.read_text(), "the import to begin")
        return process, int(text)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("source", [PROBES, CERTIFIES], ids=["probe", "kit"])
def test_a_child_that_hangs_goes_with_its_parent_that_is_killed(hanging, wait_until, source):
    process, child = hanging(source)
    process.kill()
    wait_until(lambda: is_gone(child), "the child to be gone")


@pytest.mark.parametrize("source", [PROBES, CERTIFIES], ids=["probe", "kit"])
def test_a_child_that_hangs_goes_when_its_parent_is_interrupted(hanging, wait_until, source):
    process, child = hanging(source)
    process.send_signal(signal.SIGINT)  # to it alone, as a terminal does: its child has a session
    assert process.wait(DEADLINE_S) == -signal.SIGINT
    wait_until(lambda: is_gone(child), "the child to be gone")

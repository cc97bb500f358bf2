"""A child is waited for to its end or its deadline, and nothing of its group outlives that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from airflow_lite.processes import children

PROLOGUE = "import os, subprocess, sys, time\nfd = int(sys.argv[1])\n"


def run(source, *, within_s=60.0):
    """Run `source`, which may write to `fd`; return its exit code and what came through."""
    reading, writing = os.pipe()
    command = [sys.executable, "-c", PROLOGUE + source, str(writing)]
    process = subprocess.Popen(command, pass_fds=[writing], start_new_session=True)
    os.close(writing)
    pipe, deadline = children.Pipe(reading), time.monotonic() + within_s
    try:
        process.returncode = children.run_out(process.pid, {reading: pipe.read}, lambda: deadline)
    finally:
        os.close(reading)
    return process.returncode, bytes(pipe.received)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("os._exit(0)", 0),
        ("os._exit(9)", 9),
        ("os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("os.killpg(0, 9)", -signal.SIGKILL),
        ("os.close(fd)\nos._exit(3)", 3),
    ],
)
def test_the_exit_code_is_the_childs_own(source, code):
    assert run(source) == (code, b"")


def test_what_a_child_wrote_is_taken_to_the_last_byte():
    size = 3_000_001
    code, received = run(f"data = b'x' * {size}\nwhile data:\n    data = data[os.write(fd, data):]")
    assert (code, len(received)) == (0, size)


def test_a_pipe_that_another_process_holds_open_keeps_nobody():
    holder = "subprocess.Popen(['sleep', '600'], pass_fds=[fd], start_new_session=True)"
    code, received = run(f"p = {holder}\nos.write(fd, str(p.pid).encode())\nos._exit(4)")
    os.kill(int(received), signal.SIGKILL)
    assert code == 4


def test_at_its_deadline_a_child_is_killed_with_its_group(wait_until):
    source = "p = subprocess.Popen(['sleep', '600'])\nos.write(fd, b'%d ' % p.pid)\ntime.sleep(600)"
    reading, writing = os.pipe()
    command = [sys.executable, "-c", PROLOGUE + source, str(writing)]
    process = subprocess.Popen(command, pass_fds=[writing], start_new_session=True)
    os.close(writing)
    pipe = children.Pipe(reading)
    # The deadline is over as soon as the child has said what it had to.
    ended = children.run_out(
        process.pid, {reading: pipe.read}, lambda: 0.0 if pipe.received else time.monotonic() + 60
    )
    os.close(reading)
    process.returncode = -signal.SIGKILL
    assert ended is None
    other = int(pipe.received)
    wait_until(lambda: not _runs(other), "the other process of the group to be gone")


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

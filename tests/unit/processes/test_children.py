"""A child is waited for to its end or its deadline, and nothing of its group outlives that."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from airflow_lite.processes import children
from airflow_lite.processes.children import Child, End, within
from fixtures.processes import is_gone

PROLOGUE = "import os, subprocess, sys, time\nfd = int(sys.argv[1])\n"
SLEEPS = "['sleep', '600']"


class Run:
    """A child that runs `source`, which may write to `fd`, and the pipe from there."""

    def __init__(self, source):
        reading, writing = os.pipe()
        with open(writing, "wb"):
            command = [sys.executable, "-c", PROLOGUE + source, str(writing)]
            self.child = Child.start(command, pass_fds=[writing])
        self.pipe = children.Pipe(reading)
        self.readers = {reading: self.pipe.read}

    @property
    def text(self):
        return bytes(self.pipe.received)

    def run_out(self, within_s=60.0):
        """Return how it ended."""
        return self.child.run_out(within(within_s), self.readers)

    def first_word(self):
        """Wait for what it writes first."""
        while b" " not in self.text:
            assert self.pipe.read()
        return self.text


@pytest.fixture
def start():
    started = []

    def run(source):
        started.append(Run(source))
        return started[-1]

    yield run
    for one in started:
        one.child.kill()
        os.close(one.pipe.descriptor)


@pytest.fixture(params=["with pidfds", "without"])
def _either_way(request, monkeypatch):
    if request.param == "without":
        monkeypatch.delattr(os, "pidfd_open")


@pytest.mark.usefixtures("_either_way")
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
def test_the_exit_code_is_the_childs_own(start, source, code):
    ran = start(source)
    assert ran.run_out() == End(code, is_late=False)
    assert ran.text == b""


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "with exit code 0"),
        (3, "with exit code 3"),
        (-11, "by SIGSEGV"),
        (-signal.SIGRTMIN - 3, f"by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_an_end_is_said_in_the_words_that_a_sentence_goes_on_with(code, text):
    assert str(End(code)) == text


def test_what_a_child_wrote_is_taken_to_the_last_byte(start):
    size = 3_000_001
    ran = start(f"data = b'x' * {size}\nwhile data:\n    data = data[os.write(fd, data):]")
    assert ran.run_out().code == 0
    assert len(ran.text) == size


def test_of_a_flood_the_last_bytes_are_kept(start):
    ran = start(
        "data = b'x' * 300_000 + b'the end'\nwhile data:\n    data = data[os.write(fd, data):]"
    )
    ran.pipe = children.Pipe(ran.pipe.descriptor, keep=10)
    ran.readers = {ran.pipe.descriptor: ran.pipe.read}
    assert ran.run_out().code == 0
    assert ran.text == b"xxxthe end"


def test_a_pipe_that_another_process_holds_open_keeps_nobody(start):
    holder = f"subprocess.Popen({SLEEPS}, pass_fds=[fd], start_new_session=True)"
    ran = start(f"p = {holder}\nos.write(fd, str(p.pid).encode())\nos._exit(4)")
    end = ran.run_out()
    os.kill(int(ran.text), signal.SIGKILL)
    assert end == End(4)


@pytest.mark.usefixtures("_either_way")
def test_at_its_deadline_a_child_is_killed_with_its_group(start, wait_until):
    ran = start(f"p = subprocess.Popen({SLEEPS})\nos.write(fd, b'%d ' % p.pid)\ntime.sleep(600)")
    # The deadline is over as soon as the child has said what it had to.
    end = ran.child.run_out(lambda: 0.0 if ran.text else time.monotonic() + 60, ran.readers)
    assert end == End(-signal.SIGKILL, is_late=True)
    wait_until(lambda: is_gone(int(ran.text)), "the other process of the group to be gone")


def test_what_is_left_of_the_group_of_one_that_ran_out_is_killed(start, wait_until):
    ran = start(f"p = subprocess.Popen({SLEEPS})\nos.write(fd, b'%d ' % p.pid)")
    assert ran.run_out() == End(0)
    wait_until(lambda: is_gone(int(ran.text)), "the other process of the group to be gone")


def test_a_deadline_that_is_over_already_ends_a_child_at_once(start):
    assert start("time.sleep(600)").run_out(0.0) == End(-signal.SIGKILL, is_late=True)


def test_a_deadline_may_be_years_away(start):
    assert start("pass").run_out(1e12) == End(0)


def test_a_reader_that_raises_leaves_no_child(start):
    def fail():
        raise BrokenPipeError

    ran = start("os.write(fd, b'x')\ntime.sleep(600)")
    with pytest.raises(BrokenPipeError):
        ran.child.run_out(within(60), {ran.pipe.descriptor: fail})
    assert ran.child.poll() == End(-signal.SIGKILL)
    assert is_gone(ran.child.pid)


def test_a_child_that_is_polled_is_reaped_and_what_it_left_is_not_touched(start, wait_until):
    ran = start(f"p = subprocess.Popen({SLEEPS})\nos.write(fd, b'%d ' % p.pid)\nos._exit(5)")
    other = int(ran.first_word())
    assert wait_until(ran.child.poll, "its end") == End(5)
    assert ran.child.poll() == End(5)
    assert not is_gone(other)
    os.kill(other, signal.SIGKILL)


def test_a_child_that_runs_has_no_end_yet_and_a_kill_is_the_end_of_it(start):
    ran = start("time.sleep(600)")
    assert ran.child.poll() is None
    assert not ran.child.wait(within(0))
    assert [ran.child.kill(), ran.child.kill()] == [-signal.SIGKILL] * 2
    assert ran.child.wait(within(0))
    assert ran.run_out() == End(-signal.SIGKILL)


def test_a_signal_reaches_the_whole_group_and_after_its_end_nobody(start, wait_until, monkeypatch):
    ran = start(f"p = subprocess.Popen({SLEEPS})\nos.write(fd, b'%d ' % p.pid)\np.wait()")
    other = int(ran.first_word())
    ran.child.signal(signal.SIGTERM)
    assert ran.child.wait(within(60))
    wait_until(lambda: is_gone(other), "the other process of the group to be gone")
    assert ran.child.poll() == End(-signal.SIGTERM)
    monkeypatch.delattr(os, "killpg")
    ran.child.signal(signal.SIGTERM)


def test_a_child_that_was_forked_is_one_as_well():
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os._exit(7)
    assert Child(pid).run_out(within(60)) == End(7)


def test_a_child_that_the_kernel_reaps_is_over_though_nobody_knows_how(start):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert start("os._exit(3)").run_out() == End(0)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_wait_leaves_no_descriptor_open(start):
    ran = start("pass")
    before = os.listdir("/proc/self/fd")
    ran.run_out()
    assert os.listdir("/proc/self/fd") == before


def test_a_program_that_is_not_there_is_an_error_of_who_starts_it():
    with pytest.raises(FileNotFoundError):
        Child.start(["/no/such/program"])


def test_a_command_that_is_run_has_no_input_and_its_output_is_told():
    code = "import sys; print(repr(sys.stdin.read())); print('bad', file=sys.stderr); sys.exit(2)"
    done = children.run([sys.executable, "-c", code], within_s=60)
    assert done == (End(2), "''\n", "bad\n")


def test_a_command_that_takes_too_long_is_ended_and_what_it_said_is_told():
    command = ["sh", "-c", "echo begun; sleep 600"]
    done = children.run(command, within_s=0.2)
    assert done.end == End(-signal.SIGKILL, is_late=True)
    assert done.output in {"", "begun\n"}


def test_a_process_that_a_command_leaves_with_its_output_keeps_nobody():
    left = f"subprocess.Popen({SLEEPS}, start_new_session=True).pid"
    done = children.run([sys.executable, "-c", f"import subprocess; print({left})"], within_s=60)
    os.kill(int(done.output), signal.SIGKILL)
    assert done.end == End(0)


WARD = """
import os, sys, time
from airflow_lite.processes.children import die_with_parent
die_with_parent(int(sys.argv[1]))
os.write(int(sys.argv[2]), b"%d " % os.getpid())
time.sleep(600)
"""
PARENT = f"""
from airflow_lite.processes.children import Child
words = [sys.executable, "-c", {WARD!r}, str(os.getpid()), str(fd)]
Child.start(words, pass_fds=[fd])
time.sleep(600)
"""


def test_a_child_that_asks_for_it_dies_with_its_parent(start, wait_until):
    ran = start(PARENT)
    ward = int(ran.first_word())
    assert not is_gone(ward)
    os.kill(ran.child.pid, signal.SIGKILL)  # it alone: the ward has a session of its own
    wait_until(lambda: is_gone(ward), "the ward to be gone")


def test_a_child_whose_parent_is_gone_already_ends_at_once():
    command = [sys.executable, "-c", WARD, "1" if os.getpid() != 1 else "2", "1"]
    assert children.run(command, within_s=60)[:2] == (End(1), "")

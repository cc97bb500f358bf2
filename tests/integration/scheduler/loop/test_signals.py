"""Signals at every moment of a scheduler's life: it ends by itself, and its end is recorded."""

from __future__ import annotations

import subprocess

import pytest

from fixtures.waits import DEADLINE_S

SIGNALLED = """
import atexit, os, signal
from airflow_lite.executors import BaseExecutor

def send(moment):
    at, count = os.environ["SIGNALLED_AT"].split()
    if at == moment:
        for _ in range(int(count)):
            os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))

class SignalledExecutor(BaseExecutor):
    is_local = True

    @property
    def job_id(self):
        return self._job_id

    @job_id.setter
    def job_id(self, job_id):
        self._job_id = job_id
        if job_id is not None:  # there is a job now, and nothing has started
            atexit.register(send, "exit")
            send("job")

    def start(self):
        send("start")

    def sync(self):
        pass

    def execute_async(self, key, command, queue=None, executor_config=None):
        raise NotImplementedError

    def end(self):
        send("end")
        super().end()
"""


@pytest.fixture
def signalled(home, tmp_path):
    """Run a scheduler to its end; it gets so many signals at a moment; return what it said."""
    (tmp_path / "signalled.py").write_text(SIGNALLED)
    home.environ["PYTHONPATH"] = str(tmp_path)

    def run(moment, count, name, *options):
        home.environ |= {"SIGNALLED_AT": f"{moment} {count}", "SIGNAL": name}
        words = ("--executor", "signalled.SignalledExecutor", "scheduler", *options)
        with home.start(*words, stderr=subprocess.PIPE) as process:
            _, said = process.communicate(timeout=DEADLINE_S)
        return process.returncode, said

    return run


def last_job(home):
    return home.execute("SELECT state FROM job ORDER BY id DESC")[0][0]


def check_end(home, signalled, *arguments, says="scheduler stopped"):
    code, said = signalled(*arguments)
    assert code == 0, said
    assert says in said
    assert "Traceback" not in said
    assert last_job(home) == "success"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("moment", ["job", "start"])
def test_a_signal_during_the_start_ends_it_well(home, signalled, moment, count, name):
    check_end(home, signalled, moment, count, name)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR2"])
@pytest.mark.parametrize("moment", ["end", "exit"])
def test_a_signal_while_it_ends_changes_nothing(home, signalled, moment, name):
    check_end(home, signalled, moment, 3, name, "--num-runs", "1")


def test_a_dump_may_be_asked_for_during_the_start(home, signalled):
    check_end(home, signalled, "job", 1, "SIGUSR2", "--num-runs", "1", says="scheduler job 1: ")

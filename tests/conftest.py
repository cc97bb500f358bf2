"""What tests of several floors need: a home of their own, the real command line, a scheduler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 60.0


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """Return the first true answer of `condition`; fail with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s} s for {what}")
        time.sleep(0.02)


class Scheduler:
    """A running `airflow-lite scheduler`, with all that it has printed."""

    def __init__(self, process, log):
        self.process = process
        self.log = log

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def stop(self):
        """Ask it to stop, and return its exit code."""
        return self.kill(signal.SIGTERM)


class Home:
    """A home folder, and the command line run in it as a user would."""

    def __init__(self, folder, python=sys.executable):
        self.folder = Path(folder)
        self.python = python
        self.dags = self.folder / "dags"
        self.dags.mkdir(parents=True, exist_ok=True)
        keep = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_LITE")}
        self.environ = {
            **keep,
            "HOME": str(self.folder.parent),
            "AIRFLOW_LITE_HOME": str(self.folder),
            "COLUMNS": "200",
        }

    def dag(self, name, text):
        """Write a DAG file, and return its path."""
        path = self.dags / f"{name}.py"
        path.write_text(text)
        return path

    def start(self, *words, **options):
        return subprocess.Popen(
            [self.python, "-m", "airflow_lite", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )

    def run(self, *words, exit_code=0, timeout=DEADLINE_S):
        """Run a command, check its exit code, and return what it printed and complained."""
        done = subprocess.run(
            [self.python, "-m", "airflow_lite", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if exit_code is not None:
            assert done.returncode == exit_code, (words, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words):
        """Run a listing with `-o json`, and return its rows."""
        return json.loads(self.run(*words, "-o", "json").stdout)

    @contextmanager
    def scheduler(self, executor="LocalExecutor", expect_exit=0):
        """Run a scheduler for the length of the block; it must stop with `expect_exit`."""
        number = len(list(self.folder.glob("scheduler-*.out")))
        log = self.folder / f"scheduler-{number}.out"
        with log.open("wb") as file:
            process = self.start(
                "--executor", executor, "scheduler", stdout=file, stderr=subprocess.STDOUT
            )
            running = Scheduler(process, log)
            try:
                yield running
                if process.poll() is None:
                    assert running.stop() == expect_exit, running.output()
            except BaseException:
                print(running.output()[-20_000:])
                raise
            finally:
                if process.poll() is None:
                    running.kill()


@pytest.fixture
def home(tmp_path):
    """A fresh home with an empty DAG folder."""
    return Home(tmp_path / "home")


@pytest.fixture
def make_home(tmp_path):
    """Make further homes, by name."""
    return lambda name: Home(tmp_path / name)


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    """Wait for a condition, with a deadline and a word for what was waited for."""
    return wait_until


@pytest.fixture(scope="session")
def golden():
    """Read what Airflow 2.10.5 answered: `golden("cron")`."""
    folder = Path(__file__).parent / "golden"
    return lambda name: json.loads((folder / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def golden_folder():
    """The folder of the goldens."""
    return Path(__file__).parent / "golden"

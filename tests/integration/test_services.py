"""The program that starts the servers of the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from airflow_lite.processes.proc import is_over

SERVICES = Path(__file__).parents[2] / "scripts" / "services"
MISSING = 77


@pytest.fixture
def services():
    """Call the program in a folder of its own; what it started is stopped at last."""
    folder = Path(tempfile.mkdtemp())  # not pytest's, which no other user may enter
    folder.chmod(0o711)

    def call(*words, exit_code=0):
        done = subprocess.run(
            [SERVICES, *words],
            env={**os.environ, "SERVICES_DIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == MISSING and not os.environ.get("CI"):
            pytest.skip(done.stderr)
        assert done.returncode == exit_code, done.stderr
        return done.stdout if exit_code == 0 else done.stderr

    yield call
    call("down")
    shutil.rmtree(folder)


def pid_of(listed):
    return int(listed.partition(" pid ")[2].split()[0])


def test_a_server_that_was_killed_comes_back_with_its_address_and_data(services):
    psycopg = pytest.importorskip("psycopg")
    first = services("up", "postgres")
    with psycopg.connect(first.strip().partition("=")[2]) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    os.kill(pid_of(services("list")), signal.SIGKILL)
    assert services("up", "postgres") == first
    with psycopg.connect(first.strip().partition("=")[2]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_server_that_was_stopped_is_gone_with_its_data(services):
    services("up", "postgres")
    pid = pid_of(services("list"))
    services("down")
    assert services("list") == ""
    assert is_over(pid)


def test_a_server_that_runs_is_left_alone(services):
    services("up", "postgres")
    before = pid_of(services("list"))
    services("up", "postgres")
    assert pid_of(services("list")) == before


def test_a_pooler_is_in_front_of_the_server_that_was_started(services):
    psycopg = pytest.importorskip("psycopg")
    lines = services("up", "postgres", "pgbouncer").splitlines()
    direct, pooled = (line.partition("=")[2] for line in lines)
    with psycopg.connect(direct) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    with psycopg.connect(pooled) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize("words", [["up"], ["up", "mongo"], ["start"]])
def test_wrong_words_are_answered_with_the_right_ones(services, words):
    assert "postgres" in services(*words, exit_code=2)

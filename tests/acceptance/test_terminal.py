"""Texts that others wrote do not steer the terminal of whoever lists them."""

from __future__ import annotations

import os
import pty
from contextlib import suppress

import pytest

pytestmark = pytest.mark.any_database

DAG = """
import logging
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def show():
    print("\\x1b]0;print\\x07 \\x1b[31mred")
    logging.warning("\\x1b]52;c;log\\x07")
    raise ValueError("\\x1b[2Jerror")

with DAG(
    "e", schedule=None, start_date=datetime(2024, 1, 1), description="\\x1b]0;pwned\\x07d",
    default_args={"owner": "\\x1b[2Jme"}, tags=["\\x1b]0;tag\\x07"],
):
    PythonOperator(task_id="a", python_callable=show)
"""
BROKEN = "# airflow dag\nraise ValueError('\\x1b]52;c;cm0gLXJm\\x07')\n"
#: What sets a title, fills the clipboard, clears the screen.
_BAD = (b"\x1b]0;", b"\x1b]52;", b"\x1b[2J", b"\x07")


def on_terminal(home, *words):
    """Return all that a terminal gets from a command."""
    ours, theirs = pty.openpty()
    home.environ["TERM"] = "xterm-256color"
    process = home.start(*words, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = b""
    with suppress(OSError):  # EIO: the other end is closed
        while data := os.read(ours, 65536):
            output += data
    os.close(ours)
    process.wait()
    return output


@pytest.fixture
def steering_home(home):
    home.dag("steering", DAG)
    home.dag("broken", BROKEN)
    home.dag("\x1b]0;name\x07", BROKEN)
    return home


@pytest.mark.parametrize(
    "words",
    [
        ["dags", "list"],
        ["dags", "list", "-o", "plain"],
        ["dags", "list", "-o", "yaml"],
        ["dags", "list-import-errors"],
        ["dags", "details", "e"],
        ["dags", "show", "e"],
        ["tasks", "list", "e"],
        ["dags", "test", "e", "2024-01-01"],
        ["tasks", "test", "e", "a", "2024-01-01"],
        ["dags", "details", "\x1b]0;no such DAG\x07"],
    ],
)
def test_no_command_hands_escape_sequences_of_others_to_a_terminal(steering_home, words):
    output = on_terminal(steering_home, *words)

    assert output.strip()
    assert [bad for bad in _BAD if bad in output] == []


def test_a_log_on_a_terminal_has_its_colours_and_steers_nothing(steering_home):
    with steering_home.scheduler():
        steering_home.run("dags", "trigger", "e", "-r", "r", "--wait", exit_code=1)
    log = on_terminal(steering_home, "tasks", "logs", "e", "a", "r")
    history = on_terminal(steering_home, "tasks", "history", "e", "a", "r")

    assert b"\x1b[31mred" in log
    assert [bad for bad in _BAD if bad in log + history] == []


def test_a_schedulers_own_log_steers_no_terminal(steering_home):
    output = on_terminal(
        steering_home, "--executor", "LocalExecutor", "scheduler", "--num-runs", "3"
    )

    assert b"scheduler started" in output
    assert [bad for bad in _BAD if bad in output] == []

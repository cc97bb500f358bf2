"""What an attempt costs the database on the side of its task host."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from airflow_lite.processes.limits import soft_limit
from airflow_lite.worker.host.main import make_host
from airflow_lite.worker.zygote.start import BaseZygote, execute_base
from fixtures.databases import SETTING
from fixtures.hosted import TASK_DECORATOR
from fixtures.query_plans import counted_commits, recorded_by_driver, recorded_statements
from fixtures.waits import DEADLINE_S

DAG_FILE = (
    "import os\nfrom datetime import datetime\nfrom airflow_lite import DAG, PythonOperator\n"
    + TASK_DECORATOR
    + "".join(f"@task()\ndef t{number}(): pass\n" for number in range(12))
)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request):
    """Let each test here have a home on each database."""
    if request.param == "sqlite":
        return dict
    make = request.getfixturevalue("made_postgres")
    return lambda: {SETTING: make()}


@pytest.fixture
def hosted(make_hosted):
    options = {"BEAT_INTERVAL_S": "3600", "BEAT_TIMEOUT_S": "86400"}  # of what no attempt causes
    environ = {f"AIRFLOW_LITE__SCHEDULER__{name}": value for name, value in options.items()}
    return make_hosted(DAG_FILE, **environ)


class Host:
    """A host in this process, so that its statements can be counted."""

    def __init__(self, hosted):
        limit = soft_limit()
        ours, theirs = socket.socketpair()
        self._zygote = execute_base(theirs, limit)
        base = BaseZygote(ours, self._zygote.pid, limit)
        self._hosted = hosted
        self._ended = set()
        self._loop = make_host(hosted.config, base, "host", "s", None, on_end=self._note_end)
        self.store: Any = self._loop._state.store
        self._loop.start()

    def _note_end(self, token, _state):
        self._ended.add(token)

    def run(self, *task_ids):
        tokens = {task_id: self._hosted.queue(task_id) for task_id in task_ids}
        for task_id, token in tokens.items():
            self._loop.accept(self._hosted.command(task_id, token))
        while not self._ended.issuperset(tokens.values()):
            self._loop.turn()

    def taken(self, *task_ids):
        """Run attempts; return the statements, and how often something was committed."""
        if not self.store.is_sqlite:
            return self._taken_of_driver(*task_ids)
        with recorded_statements(self.store) as found, counted_commits(self.store) as commits:
            self.run(*task_ids)
        return [text for text, _ in found if not text.startswith("BEGIN")], len(commits)

    def _taken_of_driver(self, *task_ids):
        with recorded_by_driver(self.store) as found:
            self.run(*task_ids)
        begun = [text for text in found if text.startswith("BEGIN") and "READ ONLY" not in text]
        return [text for text in found if not text.startswith(("BEGIN", "COMMIT"))], len(begun)

    def close(self):
        self._loop.drain()
        while not self._loop.is_over:
            self._loop.turn()
        self._loop.end()
        self.store.close()
        self._zygote.wait(DEADLINE_S)


@pytest.fixture
def host(hosted):
    """A host that has its DAG file imported."""
    host = Host(hosted)
    host.run("t0")
    yield host
    host.close()


def test_an_attempt_takes_at_most_eight_statements_and_three_commits(host):
    most = 8 if host.store.is_sqlite else 5
    for number in range(1, 4):
        statements, commits = host.taken(f"t{number}")
        # Looked up; claimed, and its row; its process noted, twice; rendered; ended, twice.
        # PostgreSQL takes a claim, and an end, with all that belongs to it as one statement.
        assert statements
        assert len(statements) <= most, statements
        assert commits <= 3


def test_attempts_that_come_together_are_looked_up_and_claimed_together(host):
    statements, _ = host.taken(*(f"t{number}" for number in range(1, 12)))
    assert sum("LEFT OUTER JOIN dag " in text for text in statements) == 1
    assert sum(text.startswith("INSERT INTO attempt") for text in statements) == 1

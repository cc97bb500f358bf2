"""A home of their own for the tests of authoring, and the task instance that operators talk to."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def fresh_home(tmp_path, monkeypatch):
    """Let no setting of this machine reach the DAGs of a test."""
    for name in list(os.environ):
        if name.startswith("AIRFLOW_LITE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path / "home"))


class FakeTaskInstance:
    """XComs in a dict, as operators see a task instance."""

    def __init__(self, task, xcoms=None):
        self.task = task
        self.dag_id, self.task_id = task.dag_id, task.task_id
        self.try_number = 1
        self.try_started = None
        self.skip_decision = None
        self.xcoms = xcoms or {}

    def xcom_pull(self, task_ids=None, dag_id=None, key="return_value", default=None):
        return self.xcoms.get((task_ids, key), default)


@pytest.fixture
def make_context():
    """Make the context of a task: `make_context(task, xcoms={(task_id, key): value}, **more)`."""

    def make(task, xcoms=None, **more):
        instance = FakeTaskInstance(task, xcoms)
        conf = more.pop("conf", {})
        return {
            "task": task,
            "ti": instance,
            "task_instance": instance,
            "dag_run": SimpleNamespace(run_id="run", conf=conf),
            "run_id": "run",
            "ds": "2024-02-29",
            "logical_date": datetime(2024, 2, 29, 12, tzinfo=timezone.utc),
            "params": {},
            **more,
        }

    return make

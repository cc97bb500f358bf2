"""The fixtures of every floor: each module of `fixtures` is named by its subject."""

from __future__ import annotations

import pytest

# Before they import one another, so that their own asserts show values, too.
pytest.register_assert_rewrite("fixtures")

pytest_plugins = [
    "fixtures.commit_proxy",
    "fixtures.databases",
    "fixtures.executors",
    "fixtures.fleets",
    "fixtures.goldens",
    "fixtures.histories",
    "fixtures.homes",
    "fixtures.hosted",
    "fixtures.lost_answers",
    "fixtures.many_tasks",
    "fixtures.own_server",
    "fixtures.pendulum_dates",
    "fixtures.scheduler_rig",
    "fixtures.sites",
    "fixtures.task_context",
    "fixtures.waits",
]


@pytest.fixture(autouse=True)
def _own_secrets():
    """Let each test begin with the secrets of its own environment: a process keeps what it knows."""
    from airflow_lite.secrets_masker import secrets_masker

    secrets_masker.cache_clear()
    yield
    secrets_masker.cache_clear()

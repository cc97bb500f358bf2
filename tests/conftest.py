"""The fixtures of every floor: each module of `fixtures` is named by its subject."""

from __future__ import annotations

import sys

import pytest

# Before they import one another, so that their own asserts show values, too.
pytest.register_assert_rewrite("fixtures")

pytest_plugins = [
    "fixtures.certificates",
    "fixtures.cluster",
    "fixtures.commit_proxy",
    "fixtures.databases",
    "fixtures.executors",
    "fixtures.fleets",
    "fixtures.goldens",
    "fixtures.histories",
    "fixtures.homes",
    "fixtures.kube_api",
    "fixtures.hosted",
    "fixtures.lost_answers",
    "fixtures.many_tasks",
    "fixtures.own_server",
    "fixtures.pendulum_dates",
    "fixtures.scheduler_rig",
    "fixtures.sites",
    "fixtures.smtp",
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


@pytest.fixture(autouse=True, scope="module")
def _own_imports():
    """Let each file begin without what plugins did for good in this process, as a new one would.

    A test that imports a DAG file, or an executor by its path, has Airflow's names answered here.
    """
    before = [*sys.meta_path]
    yield
    added = [
        finder
        for finder in sys.meta_path
        if finder not in before and type(finder).__module__.startswith("airflow_lite")
    ]
    if not added:
        return
    from airflow_lite.imports import is_airflows
    from airflow_lite.parsing import authoring_hooks

    for finder in added:
        sys.meta_path.remove(finder)
    for function in (authoring_hooks._call, authoring_hooks._folders):  # called once in a process
        function.cache_clear()
    for name in [name for name in sys.modules if is_airflows(name)]:
        del sys.modules[name]

"""The fixtures of every floor: each module of `fixtures` is named by its subject."""

from __future__ import annotations

import pytest

# Before they import one another, so that their own asserts show values, too.
pytest.register_assert_rewrite("fixtures")

pytest_plugins = [
    "fixtures.databases",
    "fixtures.executors",
    "fixtures.goldens",
    "fixtures.histories",
    "fixtures.homes",
    "fixtures.hosted",
    "fixtures.pendulum_dates",
    "fixtures.sites",
    "fixtures.task_context",
    "fixtures.waits",
]

"""A DAG that tasks are made in."""

from __future__ import annotations

import pytest

from airflow_lite import DAG


@pytest.fixture
def dag():
    with DAG("d", schedule=None) as made:
        yield made

"""How many connections each process has to PostgreSQL: a server has about a hundred for all."""

from __future__ import annotations

import subprocess
from collections import Counter

import psycopg
import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

#: The scheduler's: the loop's, the one that listens, and one while DAG files are saved.
MOST = {"airflow-lite scheduler": 3, "airflow-lite host": 1, "airflow-lite dags": 1}
BUSY = """
from datetime import datetime
from airflow_lite import DAG, task
def told(context): pass
with DAG("busy", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=50,
         on_success_callback=told):
    @task
    def give(number): return number
    @task
    def take(number): return number + 1
    for number in range(40):
        take(give(number))
"""
_COUNT = """
SELECT application_name, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
GROUP BY 1
"""


@pytest.fixture
def url(made_postgres):
    return made_postgres()


@pytest.fixture
def connections(url):
    """Count the connections by the names that their processes give."""
    with psycopg.connect(url, autocommit=True) as server:
        yield lambda: Counter(dict(server.execute(_COUNT).fetchall()))


def test_no_process_has_more_connections_than_its_share(tmp_path, url, connections, wait_until):
    home = Home(tmp_path / "home", {SETTING: url})
    home.dag("busy", BUSY)
    most: Counter[str] = Counter()
    words = ("dags", "trigger", "busy", "--wait", "--timeout", "120")

    def is_over():
        nonlocal most
        most |= connections()
        return process.poll() is not None

    with home.scheduler(), home.start(*words, stdout=subprocess.PIPE) as process:
        wait_until(is_over, "the run's end", homes=[home])
        assert process.returncode == 0
        wait_until(lambda: connections()["airflow-lite scheduler"] == 2, "the two that stay")
        wait_until(lambda: connections()["airflow-lite host"] == 1, "the one that stays")
    assert set(MOST) <= set(most)
    assert {name: count for name, count in most.items() if count > MOST.get(name, 1)} == {}

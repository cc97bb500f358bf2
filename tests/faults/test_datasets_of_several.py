"""Changes of datasets with schedulers that share a PostgreSQL: each is in one run of who waits."""

from __future__ import annotations

import pytest

PRODUCERS = 6
DAGS = """
import time
from datetime import datetime
from airflow_lite import DAG, Dataset, EmptyOperator, task

for number in range(PRODUCERS):
    with DAG(f"d{number:02}", start_date=datetime(2024, 1, 1), schedule=None):

        @task(outlets=[Dataset(f"s{number}")], retries=2, retry_delay=0.2)
        def change():
            time.sleep(0.3)

        change()

    with DAG(f"e{number:02}", start_date=datetime(2024, 1, 1), schedule=[Dataset(f"s{number}")]):
        EmptyOperator(task_id="t")
"""
#: Per DAG that waits: the changes of its dataset, and how many times its runs were made for one.
_COUNTS = """
SELECT 'e0' || substr(uri, 2), count(DISTINCT event.id), count(consumption.event_id)
FROM dataset_event event JOIN dataset ON dataset.id = event.dataset_id
LEFT JOIN dataset_consumption consumption ON consumption.event_id = event.id
LEFT JOIN dag_run ON dag_run.id = consumption.dag_run_id
WHERE dag_run.dag_id IS NULL OR dag_run.dag_id = 'e0' || substr(uri, 2)
GROUP BY 1 ORDER BY 1
"""


@pytest.fixture
def fleet(new_fleet):
    fleet = new_fleet(2)
    (fleet.dags / "datasets.py").write_text(f"PRODUCERS = {PRODUCERS}\n{DAGS}")
    for machine in range(2):
        fleet.start(machine)
    fleet.wait_spread(2 * PRODUCERS)
    return fleet


def test_each_change_is_in_one_run_though_the_owner_of_who_waits_is_killed(fleet, wait_until):
    fleet.trigger(PRODUCERS, "first")
    wait_until(lambda: fleet.value("SELECT count(*) FROM dataset_event") > 0, "a change")
    job = fleet.kill(1)
    fleet.trigger(PRODUCERS, "second")
    fleet.wait_taken(job)
    fleet.trigger(PRODUCERS, "third")
    fleet.wait_ended()
    wait_until(lambda: fleet.value("SELECT count(*) FROM dataset_queue") == 0, "the last run")
    fleet.wait_ended()

    ends = "SELECT count(*) FROM task_instance WHERE task_id = 'change' AND state = 'success'"
    changes = fleet.rows(_COUNTS)
    assert [name for name, _, _ in changes] == [f"e{number:02}" for number in range(PRODUCERS)]
    assert sum(count for _, count, _ in changes) == fleet.value(ends) == 3 * PRODUCERS
    assert all(count == consumed for _, count, consumed in changes)
    assert fleet.findings() == []

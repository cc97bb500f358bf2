"""Two schedulers share a PostgreSQL, a broker and its workers, and one of them dies."""

from __future__ import annotations

import pytest

from fixtures.fleets import Fleet

DAGS, TASKS = 4, 40


@pytest.fixture
def fleet(tmp_path, new_postgres, broker):
    fleet = Fleet(tmp_path / "fleet", new_postgres(), 2, "CeleryExecutor")
    for home in fleet.homes:
        home.environ |= {
            "AIRFLOW_LITE__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW_LITE__CELERY__MESSAGE_SECRET_KEY": f"{broker.name} " * 2,
            **broker.environ(),
        }
    fleet.write_dags(DAGS, TASKS, 0.05)
    yield fleet
    fleet.close()


@pytest.fixture
def home(fleet):
    """The home of the workers: of the machine whose scheduler lives on."""
    return fleet.homes[0]


@pytest.fixture
def workers(fleet, workers):
    """The workers; the schedulers end before them."""
    yield workers
    for scheduler in fleet.schedulers.values():
        scheduler.kill()


def test_one_of_two_schedulers_is_killed(fleet, workers, wait_until):
    workers.start("one", "-c", "4")
    for machine in range(2):
        fleet.start(machine)
    fleet.wait_spread(DAGS)
    fleet.trigger(DAGS, "first")
    wait_until(lambda: len(list(fleet.starts.iterdir())) >= DAGS * TASKS // 4, "tasks to begin")
    job = fleet.kill(1)
    fleet.wait_taken(job)
    fleet.wait_ended()
    fleet.wait_called(DAGS)

    assert fleet.rows("SELECT state, count(*) FROM dag_run GROUP BY 1") == [("success", DAGS)]
    assert fleet.rows("SELECT DISTINCT try_number FROM task_instance") == [(1,)]
    assert fleet.most_in_pool() <= 3
    assert fleet.findings() == []
    for output in (fleet.schedulers[0].output(), workers.output()):
        assert "Traceback" not in output

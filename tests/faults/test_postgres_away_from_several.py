"""PostgreSQL is away for a minute from schedulers that share it: none takes another for dead."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.fleets import Fleet

DAGS, TASKS = 4, 8
TOLD = "the metadata database cannot be used: "


@pytest.fixture
def tenant(own_server):
    return own_server.new_tenant()


@pytest.fixture
def fleet(tmp_path, tenant):
    """Two schedulers that have spread the DAGs among them, and a run of each DAG."""
    fleet = Fleet(tmp_path / "fleet", tenant.url, 2)
    fleet.write_dags(DAGS, TASKS, 0.3)
    for machine in range(2):
        fleet.start(machine)
    fleet.wait_spread(DAGS)
    fleet.trigger(DAGS, "first")
    yield fleet
    fleet.close()


def test_nobody_is_dead_who_could_not_beat_for_a_minute(fleet, tenant, wait_until):
    schedulers = fleet.schedulers.values()
    wait_until(lambda: len(list(fleet.starts.iterdir())) >= DAGS, "tasks to begin")
    before = fleet.rows("SELECT dag_id, owner_job_id FROM dag ORDER BY 1")
    tenant.execute("ALTER ROLE {name} CONNECTION LIMIT 0")
    tenant.cut()
    wait_until(lambda: all(TOLD in one.output() for one in schedulers), "both to tell")
    for table in ("job", "supervisor"):  # as if a minute had gone by
        tenant.execute(f"UPDATE {table} SET latest_beat_us = latest_beat_us - 60000000")
    tenant.execute("ALTER ROLE {name} CONNECTION LIMIT -1")
    fleet.database.close()
    fleet.database = psycopg.connect(tenant.url, autocommit=True)
    fleet.wait_ended()

    assert fleet.rows("SELECT state, count(*) FROM dag_run GROUP BY 1") == [("success", DAGS)]
    assert fleet.rows("SELECT dag_id, owner_job_id FROM dag ORDER BY 1") == before
    assert [one.process.poll() for one in schedulers] == [None, None]
    for one in schedulers:
        assert " is dead" not in one.output()
        assert "Traceback" not in one.output()
    assert fleet.rows("SELECT DISTINCT try_number FROM task_instance") == [(1,)]
    assert fleet.most_in_pool() <= 3
    assert fleet.findings() == []

"""What a task sees of the runs before its own is what it sees in Airflow 2.10.5."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_lite import DAG, PythonOperator
from airflow_lite.clock import SystemClock, to_us
from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import lookup, schema
from airflow_lite.store.engine import open_store
from airflow_lite.worker.in_process.store_access import DirectStoreClient
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task.dag_run import DagRun
from airflow_lite.worker.task.task_instance import RuntimeTaskInstance
from fixtures.goldens import read_golden
from fixtures.store_rows import add_run, add_version

GOLDEN = read_golden("authors")["previous_runs"]
START = datetime(2024, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
#: As `RUNS` of the golden's script: of the run of day 3, the task is missing.
RUNS = (
    ("scheduled", "success"),
    ("backfill", "success"),
    ("manual", "success"),
    ("scheduled", "failed"),
    ("manual", "failed"),
    ("scheduled", "running"),
)


@pytest.fixture
def last_run(tmp_path):
    """Make the runs; return the last one and how its tasks reach the store."""
    store = open_store(Config(tmp_path))
    with store.begin() as connection:
        spec = DagSpec("d", tasks={"work": TaskSpec("work")})
        version = add_version(connection, spec)
        for day, (run_type, state) in enumerate(RUNS):
            of_day = DagSpec("d", tasks={"other": TaskSpec("other")}) if day == 3 else spec
            at_us = to_us(START) + day * DAY_US
            row = add_run(connection, of_day, version, f"r{day}", at_us, run_type=run_type)
            as_row = schema.dag_run.update().where(schema.dag_run.c.id == row)
            connection.execute(as_row.values(state=state))
    with store.read() as connection:
        run = lookup.find_run(connection, "d", f"r{len(RUNS) - 1}", None)
    assert run is not None
    yield run, DirectStoreClient(store, SystemClock(), run, (0, "work", -1))
    store.close()


@pytest.mark.parametrize("case", GOLDEN)
def test_the_previous_run_is_that_of_airflow(last_run, case):
    schedule, _, catchup = case.partition(", catchup=")
    schedule = None if schedule == "None" else schedule
    with DAG("d", schedule=schedule, start_date=START, catchup=catchup == "True"):
        task = PythonOperator(task_id="work", python_callable=print)
    run, client = last_run
    key = ("d", "work", run.run_id, 1, -1, "")
    request = AttemptRequest(key, run.fields(), start_us=0)
    ti = RuntimeTaskInstance(request, task, DagRun(run.fields(), client), client, id)

    def day_of_ti(found):
        return None if found is None else int(found.run_id[1:])

    def day_of(found):
        return None if found is None else (found.logical_date - START).days

    assert GOLDEN[case] == {
        "dagrun": day_of(ti.get_previous_dagrun()),
        "dagrun of success": day_of(ti.get_previous_dagrun("success")),
        "dagrun of failed": day_of(ti.get_previous_dagrun("failed")),
        "ti": day_of_ti(ti.get_previous_ti()),
        "ti of success": day_of_ti(ti.get_previous_ti("success")),
        "execution date": str(ti.get_previous_execution_date()),
        "start date": str(ti.get_previous_start_date()),
    }

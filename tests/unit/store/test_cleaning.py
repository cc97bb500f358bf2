"""What is old and over goes, in batches; what a run to come may need stays."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import cleaning, schema
from airflow_lite.store.engine import open_store
from fixtures.store_rows import add_dag, add_job, add_run, add_version

DAY_US = 86_400_000_000
NOW_US = 100 * DAY_US
SPEC = DagSpec("d", tasks={name: TaskSpec(name) for name in "abc"})


@pytest.fixture
def store(tmp_path):
    """A store with DAG d and its runs of days 1 to 5, all over; tell `add` for more."""
    opened = open_store(Config(tmp_path))
    with opened.begin() as connection:
        opened_version = add_dag(connection, SPEC)
        for day in range(1, 6):
            fill(connection, add(connection, opened_version, f"r{day}", day))
    yield opened
    opened.close()


def add(connection, version, run_id, day, state="success", run_type="scheduled", dag_id="d"):
    spec = DagSpec(dag_id, tasks=SPEC.tasks)
    row = add_run(
        connection, spec, version, run_id, int(day * DAY_US), state=state, run_type=run_type
    )
    over = {"end_us": int(day * DAY_US)} if state in {"success", "failed"} else {}
    connection.execute(schema.dag_run.update().where(schema.dag_run.c.id == row).values(**over))
    return row


def fill(connection, run):
    """Give a run a row in every table that holds something of runs."""
    instances = connection.execute(
        sa.select(schema.task_instance.c.id).where(schema.task_instance.c.dag_run_id == run)
    ).scalars()
    for instance in instances:
        token = f"{instance:032}"
        connection.execute(
            schema.task_instance.update()
            .where(schema.task_instance.c.id == instance)
            .values(state="success", changed_at_us=1)
        )
        connection.execute(
            schema.attempt.insert().values(
                token=token, task_instance_id=instance, try_number=1, queued_us=1
            )
        )
        connection.execute(
            schema.rendered_fields.insert().values(task_instance_id=instance, fields="{}")
        )
    of_run = {"dag_run_id": run, "task_id": "a", "map_index": -1}
    connection.execute(schema.xcom.insert().values(**of_run, key="k", value="1", at_us=1))
    connection.execute(
        schema.callback_request.insert().values(
            kind="dag", dag_run_id=run, payload="{}", created_us=1, ended_us=NOW_US
        )
    )


def clean(store, table, before_us=NOW_US):
    batches = []
    while count := cleaning.delete_some(store, table, before_us):
        batches.append(count)
    return batches


def run_ids(store):
    with store.read() as connection:
        return list(
            connection.execute(
                sa.select(schema.dag_run.c.run_id).order_by(schema.dag_run.c.id)
            ).scalars()
        )


def counts(store):
    names = ("dag_run", "task_instance", "attempt", "task_event", "xcom")
    tables = [schema.metadata.tables[name] for name in (*names, "rendered_fields")]
    with store.read() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in [*tables, schema.callback_request]
        }


def test_old_runs_go_with_all_that_is_of_them(store):
    with store.read() as connection:
        assert cleaning.count_old(connection, "dag_run", NOW_US) == 4

    clean(store, "dag_run")

    assert run_ids(store) == ["r5"]  # the schedule goes on from there
    assert counts(store) == {
        "dag_run": 1,
        "task_instance": 3,
        "attempt": 3,
        "task_event": 3,
        "xcom": 1,
        "rendered_fields": 3,
        "callback_request": 1,
    }


def test_only_what_ended_before_goes(store):
    clean(store, "dag_run", 3 * DAY_US)

    assert run_ids(store) == ["r3", "r4", "r5"]


def test_a_run_that_is_not_over_stays_and_so_does_the_one_before_it(store):
    with store.begin() as connection:
        version = connection.execute(sa.select(schema.dag.c.version_id)).scalar()
        connection.execute(
            schema.dag_run.update().where(schema.dag_run.c.run_id == "r3").values(state="running")
        )
        add(connection, version, "by_hand", 2.5, run_type="manual")

    clean(store, "dag_run")

    assert run_ids(store) == ["r2", "r3", "r5", "by_hand"]


def test_the_newest_scheduled_run_stays_though_newer_ones_were_made_by_hand(store):
    with store.begin() as connection:
        version = connection.execute(sa.select(schema.dag.c.version_id)).scalar()
        for day in (6, 7):
            add(connection, version, f"by_hand_{day}", day, run_type="manual")

    clean(store, "dag_run")

    assert run_ids(store) == ["r5", "by_hand_7"]


def test_a_run_of_which_something_runs_stays(store):
    with store.begin() as connection:
        connection.execute(schema.task_instance.update().values(state="running"))

    assert clean(store, "dag_run") == []


def test_a_run_of_many_tasks_goes_in_several_batches(store, monkeypatch):
    monkeypatch.setattr(cleaning, "ROWS", 2)

    batches = clean(store, "dag_run")

    assert run_ids(store) == ["r5"]
    assert len(batches) > 4
    assert counts(store)["task_instance"] == 3


def test_a_run_that_is_cleared_while_it_is_deleted_stays(store):
    with store.read() as connection:
        doomed = list(connection.execute(cleaning._old_runs(NOW_US)).scalars())
    with store.begin() as connection:
        connection.execute(
            schema.dag_run.update().where(schema.dag_run.c.id == doomed[0]).values(state="queued")
        )
        cleaning._delete_runs(connection, doomed)

    assert run_ids(store) == ["r1", "r5"]
    assert counts(store)["task_instance"] == 6


def test_xcoms_alone_may_go(store):
    with store.read() as connection:
        assert cleaning.count_old(connection, "xcom", NOW_US) == 4

    clean(store, "xcom")

    assert counts(store)["xcom"] == 1
    assert counts(store)["dag_run"] == 5


def test_history_versions_jobs_and_callbacks_go_by_their_age(store):
    with store.begin() as connection:
        add_version(connection, SPEC, number=2, now_us=1)
        add_job(connection, hostname="h", state="success", end_us=1)
        add_job(connection, hostname="h")
        for name, end_us in (("gone", 1), ("alive", None)):
            connection.execute(
                schema.supervisor.insert().values(
                    id=name, kind="host", hostname="h", pid=1, start_us=1, latest_beat_us=1,
                    end_us=end_us,
                )
            )  # fmt: skip

    done = {table: sum(clean(store, table, NOW_US + 1)) for table in cleaning.TABLES}

    assert done.pop("dag_run") > 12
    assert done == {
        "task_event": 15,
        "callback_request": 5,
        "dataset_event": 0,
        "xcom": 4,
        "dag_version": 1,
        "job": 1,
        "supervisor": 1,
    }


def add_supervisor(connection, name, **columns):
    row = {"id": name, "kind": "host", "hostname": "h", "pid": 1, "start_us": 1}
    connection.execute(schema.supervisor.insert().values(latest_beat_us=1, **row, **columns))


def ids(store, table):
    with store.read() as connection:
        return set(connection.execute(sa.select(table.c.id)).scalars())


def test_a_supervisor_stays_while_an_active_instance_names_it(store):
    with store.begin() as connection:
        add_supervisor(connection, "gone", end_us=1)
        of_instance = schema.task_instance.update().where(schema.task_instance.c.id == 1)
        connection.execute(of_instance.values(state="running", supervisor="gone"))
    assert clean(store, "supervisor") == []

    with store.begin() as connection:
        connection.execute(of_instance.values(state="failed"))
    assert clean(store, "supervisor") == [1]


def test_a_supervisor_whose_end_nobody_wrote_goes_when_its_job_is_over_and_before_the_job(store):
    with store.begin() as connection:
        over = add_job(connection, hostname="h", state="failed", end_us=1)
        under_way = add_job(connection, hostname="h")
        add_supervisor(connection, "killed", job_id=over)
        add_supervisor(connection, "of_another", job_id=under_way)
        add_supervisor(connection, "of_no_job")
    assert clean(store, "job") == []

    assert clean(store, "supervisor") == [1]
    assert ids(store, schema.supervisor) == {"of_another", "of_no_job"}
    assert clean(store, "job") == [1]


def test_the_job_of_a_backfill_stays_while_a_run_that_it_left_is_not_over(store):
    with store.begin() as connection:
        job = add_job(connection, kind="backfill", hostname="h", state="failed", end_us=1)
        left = schema.dag_run.update().where(schema.dag_run.c.id == 1)
        connection.execute(left.values(state="running", job_id=job))
    assert clean(store, "job") == []

    with store.begin() as connection:
        connection.execute(left.values(state="failed"))
    assert clean(store, "job") == [1]


def test_a_version_stays_while_a_run_or_an_instance_names_it(store):
    with store.begin() as connection:
        of_run, of_instance, unnamed = (
            add_version(connection, SPEC, number=number) for number in (2, 3, 4)
        )
        runs, instances = schema.dag_run, schema.task_instance
        connection.execute(runs.update().where(runs.c.id == 2).values(version_id=of_run))
        one = instances.update().where(instances.c.id == 1)
        connection.execute(one.values(version_id=of_instance))

    assert clean(store, "dag_version") == [1]
    assert unnamed not in ids(store, schema.dag_version) > {of_run, of_instance}

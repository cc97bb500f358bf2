"""No statement of a scheduler or a task host reads a whole table of history on PostgreSQL."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import cleaning, edits, schema
from airflow_lite.store.engine import open_store
from airflow_lite.store.postgres import PLANNED_ONCE
from airflow_lite_testing.clock import FakeClock
from airflow_lite_testing.stub_executor import StubExecutor
from fixtures.databases import SETTING
from fixtures.executed_plans import executed_plans, scans_of_history
from fixtures.long_history import fill
from fixtures.store_calls import CALLS, NOW
from fixtures.store_rows import add_dag

ROWS, TASKS = 1_000_000, 10
DAY_S = 86_400


@pytest.fixture(scope="module")
def environ(tmp_path_factory, postgres_database):
    return {"AIRFLOW_LITE_HOME": str(tmp_path_factory.mktemp("home")), SETTING: postgres_database}


@pytest.fixture(scope="module")
def store(environ):
    """A store with a million finished task instances."""
    opened = open_store(Config.load(environ))
    fill(opened, ROWS, tasks=TASKS, now_us=NOW)
    yield opened
    opened.close()


@pytest.mark.parametrize("settings", [(), PLANNED_ONCE], ids=["", "planned once"])
@pytest.mark.parametrize("module", CALLS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_function_reads_a_whole_table_of_history(store, module, settings):
    with (
        executed_plans(store, settings) as plans,
        store.engine.connect() as connection,
        connection.begin() as transaction,
    ):
        for call in CALLS[module].values():
            call(connection)
        transaction.rollback()
    assert len({plan.text for plan in plans}) >= len(CALLS[module])
    assert scans_of_history(plans) == {}


def test_what_reads_a_whole_table_is_seen(store):
    questions = ["FROM attempt WHERE cause = 'x'", "FROM task_event WHERE id % 7 = 3"]
    with executed_plans(store) as plans, store.read() as connection:
        for question in questions:
            connection.exec_driver_sql("SELECT count(*) " + question.replace("%", "%%"))
    assert [set(plan.scanned) for plan in plans] == [{"attempt"}, {"task_event"}]


class InlineStub(StubExecutor):
    runs_in_process = True


@pytest.fixture
def loop(store, environ):
    """A loop that is to run a chain of two DAGs with much history, where first tries fail."""
    clock = FakeClock(NOW + DAY_S * 1_000_000)
    config = Config.load(environ)
    executor = InlineStub(clock=clock)
    executor.configure(config)
    executor.store = store
    loop = make_loop(config, store, executor, clock=clock, with_files=False, with_bell=False)
    loop.start()
    yield loop
    loop.stopping.ask()
    loop.close(state="success")


def passes(loop, count=12, after_s=0.0):
    loop.context.clock.advance(after_s)
    for _ in range(count):
        loop.do_pass()


def test_no_statement_of_a_loop_reads_a_whole_table_of_history(store, loop):
    task = partial(TaskSpec, retries=1, retry_delay_s=1.0, depends_on_past=True)
    spec = DagSpec(
        "loop",
        tasks={"a": task("a", downstream=("b",)), "b": task("b", upstream=("a",))},
        schedule=schedule_spec("@hourly"),
        start_date_us=loop.context.clock.now_us(),
    )
    with store.begin() as connection:
        add_dag(connection, spec)
    executor = loop.context.runner.executor
    executor.outcome = lambda key: State.FAILED if key.try_number == 1 else State.SUCCESS

    with executed_plans(store) as plans:
        for _ in range(3):
            passes(loop, after_s=3_600)
            passes(loop, after_s=5)
        clear(store, loop)
        executor.outcome = lambda _: None
        passes(loop, after_s=60)  # attempts run, and are watched
        passes(loop, after_s=60)
        executor.die()
        passes(loop, after_s=60)  # and are lost

    assert causes_of(store, "loop") >= {"admitted", "claimed", "cleared", "killed by a test"}
    assert scans_of_history(plans) == {}
    assert len({plan.text for plan in plans}) > 30


def clear(store, loop):
    with store.begin() as connection:
        rows = edits.instances_to_clear(connection, "loop")
        chosen = [
            edits.Clearable(row["id"], row["dag_run_id"], row["state"], 1)
            for row in rows
            if row["state"] == "success"
        ]
        assert chosen
        edits.clear(connection, chosen, now_us=loop.context.clock.now_us())


def causes_of(store, dag_id):
    query = (
        sa.select(schema.task_event.c.cause)
        .join(schema.dag_run, schema.dag_run.c.id == schema.task_event.c.dag_run_id)
        .where(schema.dag_run.c.dag_id == dag_id)
    )
    with store.read() as connection:
        causes = connection.execute(query).scalars()
        return {(cause or "").removeprefix("lost: ") for cause in causes}


@pytest.mark.parametrize("table", cleaning.TABLES)
@pytest.mark.parametrize("age_us", [0, 20, DAY_S * 1_000_000], ids=["none", "few", "all"])
def test_no_deletion_of_what_is_old_reads_a_whole_table_of_history(store, table, age_us):
    with executed_plans(store) as plans:
        cleaning.delete_some(store, table, NOW + age_us)
    assert plans
    assert scans_of_history(plans) == {}

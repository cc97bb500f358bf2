"""What is prepared while the tables are young is of use when they have grown."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import attempts, queued, schema
from airflow_lite.store.engine import open_store
from airflow_lite.store.lean import open_lean
from airflow_lite_testing.clock import FakeClock
from airflow_lite_testing.stub_executor import StubExecutor
from fixtures.databases import SETTING
from fixtures.executed_plans import executed_on, executed_plans, scans_of_history
from fixtures.store_rows import add_dag, add_run

HOST = attempts.Supervisor("s", "host", "h", "b", 1, 2)
NOW = 1_700_000_000_000_000
ROUNDS = 12  # a driver prepares what it has sent five times, a server keeps a plan after as many


@pytest.fixture
def config(made_postgres):
    return Config.load({SETTING: made_postgres()})


def queue(config, count):
    """Queue so many attempts of one run; return their claims."""
    spec = DagSpec("d", tasks={f"t{number}": TaskSpec(f"t{number}") for number in range(count)})
    table = schema.task_instance
    with closing(open_store(config)) as store, store.begin() as connection:
        add_run(connection, spec, add_dag(connection, spec), "r", 1, now_us=1)
        values = {"state": "queued", "attempt": table.c.task_id, "try_number": 1}
        rows = connection.execute(table.update().values(values).returning(table.c.id))
        return [
            attempts.Claim(row_id, f"t{number}", 1, 1)
            for number, row_id in enumerate(rows.scalars().all())
        ]


@pytest.mark.parametrize("size", [1, 2], ids=["one", "two"])
def test_a_host_finds_the_attempts_of_a_pass_by_their_keys(config, size):
    claims = queue(config, ROUNDS * size)
    store = open_lean(config, "host")
    assert store is not None
    with closing(store), executed_on(store._connected()) as plans:
        for at in range(0, len(claims), size):
            mine = claims[at : at + size]
            keys = [TaskInstanceKey("d", claim.token, "r", 1) for claim in mine]
            with store.read_one() as connection:
                assert len(queued.find(connection, keys)) == size
            with store.begin() as connection:
                assert len(attempts.claim(connection, mine, HOST, 2)) == size
            ends = [
                attempts.Ended(c.instance_id, c.token, "success", "success", None, 3) for c in mine
            ]
            fields = {claim.instance_id: "{}" for claim in mine}
            with store.begin() as connection:
                assert len(attempts.end(connection, ends, HOST, fields)) == size

    assert scans_of_history(plans) == {}
    # It holds an entry of each attempt that ran since the table was cleaned.
    assert [plan.text for plan in plans if "task_instance_active" in plan.indexes] == []


class InlineStub(StubExecutor):
    runs_in_process = True


def test_a_scheduler_reads_no_table_of_history_from_end_to_end(config):
    clock = FakeClock(NOW)
    tasks = {f"t{number}": TaskSpec(f"t{number}", retries=1) for number in range(ROUNDS)}
    spec = DagSpec("d", tasks=tasks, schedule=schedule_spec("@hourly"), start_date_us=NOW)
    executor = InlineStub(clock=clock)
    executor.configure(config)
    executor.outcome = lambda key: State.FAILED if key.try_number == 1 else State.SUCCESS
    with closing(open_store(config, name="scheduler")) as store:
        with store.begin() as connection:
            add_dag(connection, spec)
        executor.store = store
        loop = make_loop(config, store, executor, clock=clock, with_files=False, with_bell=False)
        loop.start()
        with executed_plans(store) as plans:
            for after_s in [3_600, 600] * ROUNDS:
                clock.advance(after_s)
                for _ in range(4):
                    loop.do_pass()
        with store.read() as connection:
            states = connection.execute(sa.select(schema.task_instance.c.state)).scalars().all()
        loop.stopping.ask()
        loop.close(state="success")

    assert states.count("success") > ROUNDS * ROUNDS / 2
    assert scans_of_history(plans) == {}

"""A whole loop in one thread: real store, stub executor, a clock that the test moves."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from airflow_lite_testing.checker import check
from airflow_lite_testing.clock import FakeClock
from airflow_lite_testing.stub_executor import StubExecutor
from fixtures.store_rows import add_dag, add_run, add_version

PASSES = 12


class InlineStub(StubExecutor):
    runs_in_process = True


def dag_of(edges, **settings):
    """Make a DagSpec from {"a": ["b", "c"], …}: task -> its downstream."""
    of_task = settings.pop("of_task", {})
    names = list(dict.fromkeys([*edges, *(name for below in edges.values() for name in below)]))
    tasks = {
        name: TaskSpec(
            name,
            downstream=tuple(sorted(edges.get(name, ()))),
            upstream=tuple(sorted(above for above in names if name in edges.get(above, ()))),
            **of_task.get(name, {}),
        )
        for name in names
    }
    return DagSpec(settings.pop("dag_id", "d"), tasks=tasks, **settings)


class Rig:
    """A home with a store, and schedulers on it, one after another."""

    def __init__(self, folder, environ, **options):
        environ = {
            "AIRFLOW_LITE_HOME": str(folder),
            **environ,
            **{f"AIRFLOW_LITE__{name.upper()}": str(value) for name, value in options.items()},
        }
        self.config = Config.load(environ)
        self.clock = FakeClock()
        self.store = open_store(self.config)
        self.told: list[Any] = []
        self.loop: Any = None
        self.executor: Any = None
        self._running = []

    def save(self, spec, **columns):
        """Save a DAG as parsing does: a new version, and the DAG's row."""
        with self.store.begin() as connection:
            query = sa.select(sa.func.count()).where(schema.dag_version.c.dag_id == spec.dag_id)
            count = connection.execute(query).scalar()
            if not count:
                return add_dag(connection, spec, **columns)
            version = add_version(connection, spec, number=count + 1, now_us=self.clock.now_us())
            row = schema.dag.update().where(schema.dag.c.dag_id == spec.dag_id)
            connection.execute(row.values(version_id=version, **columns))
        return version

    def trigger(self, spec, version, run_id="r", logical_us=None, **options):
        logical_us = self.clock.now_us() if logical_us is None else logical_us
        with self.store.begin() as connection:
            return add_run(
                connection,
                spec,
                version,
                run_id,
                logical_us,
                now_us=self.clock.now_us(),
                **options,
            )

    def begin(self, spec, **stub):
        """Save a DAG, trigger it, and start a scheduler on it."""
        version = self.save(spec)
        run = self.trigger(spec, version)
        self.start(**stub)
        return run

    def start(self, executor=None, **stub):
        self.executor = executor or InlineStub(clock=self.clock, **stub)
        self.executor.configure(self.config)
        self.executor.store = self.store
        self.loop = make_loop(
            self.config,
            self.store,
            self.executor,
            clock=self.clock,
            on_event=self.told.append,
            with_files=False,
            with_bell=False,
        )
        self._running.append(self.loop)
        self.loop.start()
        return self.loop

    def settle(self, passes=PASSES):
        """Let the loop do all that is due now."""
        for _ in range(passes):
            self.loop.do_pass()

    def after(self, seconds, step=1.0):
        """Let time pass in small steps, as it does for a loop that runs."""
        left = seconds
        while left > 0:
            self.clock.advance(min(step, left))
            left -= step
            self.settle(3)

    def die(self):
        """Let the scheduler be gone as after kill -9, its lease too: nothing is written any more."""
        if not self.store.is_sqlite:
            self.edit(schema.job, schema.job.c.id == self.loop.context.job_id, latest_beat_us=0)
        self._running.remove(self.loop)
        self._let_go(self.loop)

    def end(self, state="success"):
        """Let the scheduler end as it should."""
        self._running.remove(self.loop)
        self.loop.close(state=state)

    def _let_go(self, loop):
        if loop.ownership.lock is not None:
            loop.ownership.lock.release()
        loop.context.waker.close()

    def close(self):
        """Let go of all that is open."""
        for loop in self._running:
            self._let_go(loop)
        self.store.close()

    def rows(self, table, **where):
        query = sa.select(table).order_by(*table.primary_key.columns)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.store.read() as connection:
            return connection.execute(query).all()

    def states(self, run=None):
        where = {} if run is None else {"dag_run_id": run}
        return {row.task_id: row.state for row in self.rows(schema.task_instance, **where)}

    def instance(self, task_id):
        return self.rows(schema.task_instance, task_id=task_id)[0]

    def run_state(self, run):
        return self.rows(schema.dag_run, id=run)[0].state

    def edit(self, table, where, *, run=None, **values):
        """Write as another process does, raising the run's row version."""
        with self.store.begin() as connection:
            connection.execute(table.update().where(where).values(**values))
            if run is not None:
                connection.execute(
                    schema.dag_run.update()
                    .where(schema.dag_run.c.id == run)
                    .values(row_version=schema.dag_run.c.row_version + 1)
                )

    def history(self, task_id):
        return [
            (row.from_state, row.to_state) for row in self.rows(schema.task_event, task_id=task_id)
        ]

    def callbacks(self):
        return [(row.kind, json.loads(row.payload)) for row in self.rows(schema.callback_request)]

    def findings(self, **options):
        return [str(finding) for finding in check(self.store, **options)]


@pytest.fixture
def make_rig(tmp_path, new_database):
    """Make a rig; options as `core__parallelism="4"`."""
    made: list[Rig] = []

    def make(**options):
        rig = Rig(tmp_path / f"home{len(made)}", new_database(), **options)
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig):
    """A rig with the default settings."""
    return make_rig()


@pytest.fixture(name="dag_of", scope="session")
def dag_of_fixture():
    """Make DAG specs by their edges."""
    return dag_of


class Adopting(InlineStub):
    def try_adopt_task_instances(self, tis):
        return []


@pytest.fixture(scope="session")
def adopting():
    """A stub that adopts whatever it is offered."""
    return Adopting


@pytest.fixture(scope="session")
def inline_stub():
    """The stub executor on its caller's thread."""
    return InlineStub

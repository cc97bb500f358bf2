"""All that changes while a scheduler runs, in one object that is passed to every part of it.

`memory` is what it knows of the store's rows; all else is what it acts with.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.api.executor.task_instance import TaskInstance, task_instance
from airflow_lite.scheduler.state.fellows import Fellows
from airflow_lite.scheduler.state.memory import ActiveAttempt, OwnedDag, RunMemory
from airflow_lite.scheduler.state.reports import OpenReports
from airflow_lite.store.runs import RunsOf
from airflow_lite.text import storable

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.api.executor.routes import Routes
    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.executors.driving.inline import InlineExecutor
    from airflow_lite.executors.driving.thread import ExecutorThread
    from airflow_lite.processes.timers import Timers
    from airflow_lite.processes.waker import Waker
    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.backfill import Backfill
    from airflow_lite.scheduler.state.callback_runner import Callbacks
    from airflow_lite.scheduler.state.figures import Figures
    from airflow_lite.scheduler.state.settings import Settings
    from airflow_lite.spec.model import DagSpec, TaskSpec
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)


class PinnedDag(NamedTuple):
    """A DAG whose runs go by this definition, whatever the store has of it.

    `path`: they are run from this file, too; None: from the DAG's own.
    """

    version_id: int
    spec: DagSpec
    path: str | None


@dataclass
class SchedulerContext:
    """One scheduler's means and memory.

    `scope` is the job whose own runs are scheduled, of `only_dag`: that of a `dags test`, or of a
    `backfill`. None for the schedulers' runs, of every DAG.
    """

    config: Config
    settings: Settings
    store: Store
    clock: Clock
    waker: Waker
    timers: Timers
    callbacks: Callbacks
    runner: ExecutorThread | InlineExecutor
    executor_name: str
    is_inline: bool
    job_id: int
    routes: Routes | None = None  # of a hybrid
    scope: int | None = None
    only_dag: str | None = None
    backfill: Backfill | None = None
    pinned: PinnedDag | None = None
    is_stopping: bool = False  # what the executor drops now, it drops because it was told to end
    has_pickles: bool = False  # attempts go out with their DAG's pickle, where it has one
    waits_for_files: bool = False  # for a DAG's pickle, until the files were looked at
    memory: RunMemory = field(default_factory=RunMemory)
    fellows: Fellows = field(default_factory=Fellows)
    has_unowned: bool = False  # DAGs without an owner were seen
    reports: OpenReports = field(default_factory=OpenReports)
    on_event: Callable[[str], None] | None = None
    #: Tells plugins: (hook, event). None: no plugin listens.
    announce: Callable[[str, object], None] | None = None
    figures: Figures | None = None  # None: nobody asked for them

    @property
    def actor(self) -> str:
        """Who it is that changes states, as the history tells it."""
        return f"{self.kind} {self.job_id}"

    @property
    def kind(self) -> str:
        """What schedules here, in words."""
        if self.backfill is not None:
            return "backfill"
        return "scheduler" if self.scope is None else "dags test"

    def is_mine(self, dag_id: str, owner_job_id: int | None) -> bool:
        """Tell whether this scheduler has to do with a DAG that this job owns."""
        if self.scope is not None:
            return self.only_dag is None or self.only_dag == dag_id
        return owner_job_id == self.job_id

    @property
    def whose_runs(self) -> RunsOf:
        """Whose runs are scheduled here, as the store asks for them."""
        return RunsOf(self.job_id, is_own=self.scope is not None)

    def has_task(self, task_id: str) -> bool:
        """Tell whether a task is scheduled here; others, of a DAG of which a part runs, are not."""
        return self.pinned is None or self.backfill is None or task_id in self.pinned.spec.tasks

    def ignores_past(self, run: Run) -> bool:
        """Tell whether a run waits for no other, as the first of a backfill does."""
        return self.backfill is not None and run.logical_us == self.backfill.first_us

    def pin_dag(self, version_id: int, spec: DagSpec, path: str | None) -> None:
        """Have every run go by this definition of the DAG, and be run from this file."""
        self.pinned = PinnedDag(version_id, spec, path)
        self.callbacks.subdir = path

    def tell(self, line: str) -> None:
        """Say what happened to whoever follows this scheduler."""
        if self.on_event is None:
            return
        try:
            self.on_event(line)
        except Exception:  # a pass must not stop halfway for it
            logger.exception("a line for the terminal could not be shown: %s", line)

    def change(self, instance: Instance, cause: str) -> dict[str, Any]:
        """Return what each write to an instance has: its row as we saw it, who writes, and why."""
        return {
            "row": instance.id,
            "was_state": instance.state,
            "was_attempt": instance.attempt,
            "actor": self.actor,
            "cause": storable(cause),
            "now_us": self.clock.now_us(),
        }

    def task_of(self, run: Run, instance: Instance) -> TaskSpec | None:
        """Return the newest definition of an instance's task; None if its DAG has it no more."""
        dag = self.memory.find_dag(run.dag_id)
        return None if dag is None else dag.spec.tasks.get(instance.task_id)

    def task_instance_of(
        self,
        run: Run,
        instance: Instance,
        external_id: str | None = None,
        executor: str | None = None,
    ) -> TaskInstance:
        """Return a task instance as executors see it; `executor`: what it was queued for."""
        task = self.task_of(run, instance)
        return task_instance(
            (run.dag_id, instance.task_id, run.run_id, instance.map_index),
            instance,
            task.executor_config if task is not None else None,
            external_executor_id=external_id,
            pickle_id=self.pickle_of(run.dag_id),
            executor=executor or self.executor_of(run, instance),
        )

    def executor_of(self, run: Run, instance: Instance) -> str:
        """Return the executor that an instance is queued for, which of a hybrid is a half."""
        if self.routes is None:
            return self.executor_name
        task = self.task_of(run, instance)
        return self.routes.half_of(instance.queue, None if task is None else task.executor)

    @property
    def executor_names(self) -> frozenset[str]:
        """The names under which attempts are queued here; of a hybrid, those of its halves."""
        return frozenset({self.executor_name, *(self.routes.names if self.routes else ())})

    def revoke(self, active: ActiveAttempt) -> None:
        """Have the executor take back an attempt, once."""
        if active.revoke_sent or active.is_unmanaged:
            return
        active.revoke_sent = True
        ti = self.task_instance_of(active.run, active.instance, active.external_id)
        self.runner.revoke(replace(ti, attempt=active.token, try_number=active.try_number))

    @property
    def takes_schedules(self) -> bool:
        """Whether runs are made from schedules here."""
        return self.scope is None and self.settings.use_job_schedule

    def waits_for_pickle(self, dag: OwnedDag) -> bool:
        """Tell whether a DAG may get a pickle yet: an attempt without one would fail."""
        return self.waits_for_files and dag.pickle_id is None

    def pickle_of(self, dag_id: str) -> int | None:
        """Return the pickle that attempts of a DAG go out with; None: they need its file."""
        dag = self.memory.find_dag(dag_id) if self.has_pickles else None
        return None if dag is None else dag.pickle_id

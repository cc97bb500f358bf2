"""All that changes while a scheduler runs, in one object that is passed to every part of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from airflow_lite.scheduler.owned import Active, Owned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.executors.driver import QueueItem
    from airflow_lite.executors.events import Report
    from airflow_lite.executors.task_instance import TaskInstance
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.scheduler.callbacks import Callbacks
    from airflow_lite.scheduler.settings import Settings
    from airflow_lite.scheduler.waker import Timers, Waker
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)


class Runner(Protocol):
    """What the loop asks of an executor: `ExecutorThread` and `InlineExecutor` have it."""

    def start(self) -> None:
        """Start the executor."""

    def queue(self, items: Sequence[QueueItem]) -> None:
        """Hand attempts to it."""

    def adopt(self, instances: Sequence[TaskInstance]) -> None:
        """Offer it a dead scheduler's attempts."""

    def revoke(self, instance: TaskInstance) -> None:
        """Take an attempt back."""

    def poke(self) -> None:
        """Ask for a heartbeat."""

    def drain(self) -> list[Report]:
        """Take its reports."""

    def holds(self, key: TaskInstanceKey) -> bool:
        """Tell whether it has this attempt."""

    def end(self, grace_s: float) -> bool:
        """End it; False if it takes longer than `grace_s`."""

    def terminate(self) -> bool:
        """Stop it without waiting."""

    def debug_dump(self) -> None:
        """Log its state."""

    @property
    def slots_available(self) -> int:
        """How many attempts more it can take."""

    @property
    def stalled(self) -> bool:
        """Whether a call of it takes too long."""

    @property
    def ended(self) -> bool:
        """Whether it is over."""


@dataclass
class World:
    """One scheduler's means and memory.

    `scope` is the job whose own runs are scheduled (`dags test`), of `only_dag`; None for the
    schedulers' runs, of every DAG.
    """

    config: Config
    settings: Settings
    store: Store
    clock: Clock
    waker: Waker
    timers: Timers
    callbacks: Callbacks
    runner: Runner
    executor_name: str
    is_inline: bool
    job_id: int
    scope: int | None = None
    only_dag: str | None = None
    has_pickles: bool = False  # attempts go out with their DAG's pickle, where it has one
    owned: Owned = field(default_factory=Owned)
    on_event: Callable[[str], None] | None = None
    #: Tells plugins: (hook, event). None: no plugin listens.
    announce: Callable[[str, object], None] | None = None

    @property
    def actor(self) -> str:
        """Who it is that changes states, as the history tells it."""
        return f"scheduler {self.job_id}" if self.scope is None else f"dags test {self.job_id}"

    def is_mine(self, dag_id: str) -> bool:
        """Tell whether this scheduler has to do with a DAG."""
        return self.only_dag is None or self.only_dag == dag_id

    def tell(self, line: str) -> None:
        """Say what happened to whoever follows this scheduler."""
        if self.on_event is None:
            return
        try:
            self.on_event(line)
        except Exception:  # a pass must not stop halfway for it
            logger.exception("what happened could not be told: %s", line)

    def revoke(self, active: Active) -> None:
        """Have the executor take back an attempt, once."""
        from airflow_lite.scheduler.dispatch import as_seen

        if active.revoke_sent or active.is_foreign:
            return
        active.revoke_sent = True
        known = self.owned.dags.get(active.run.dag_id)
        seen = as_seen(active.run, active.instance, known.spec.tasks if known else {})
        self.runner.revoke(replace(seen, attempt=active.token, try_number=active.try_number))

    @property
    def takes_schedules(self) -> bool:
        """Whether runs are made from schedules here."""
        return self.scope is None and self.settings.use_job_schedule

    def pickle_of(self, dag_id: str) -> int | None:
        """Return the pickle that attempts of a DAG go out with; None: they need its file."""
        known = self.owned.dags.get(dag_id) if self.has_pickles else None
        return None if known is None else known.pickle_id

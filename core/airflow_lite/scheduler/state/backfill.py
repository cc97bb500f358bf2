"""A backfill: which runs are to be made, what is under way, and what became of the rest."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_lite.spec.model import DagRunInfo, DagSpec
    from airflow_lite.store.edits import Clearable


class FailedTask(NamedTuple):
    """A task instance that has failed, or did not run since one before it has."""

    run_id: str
    task_id: str
    map_index: int
    state: str


@dataclass(frozen=True)
class BackfillOptions:
    """How runs are made, each as the option of the command that bears its name."""

    conf: Mapping[str, Any] | None = None
    max_active_runs: int | None = None  # of this backfill; None: the DAG's, scheduled runs included
    rerun_failed_tasks: bool = False
    continue_on_failures: bool = False
    mark_success: bool = False
    disable_retry: bool = False


@dataclass
class Backfill:
    """One backfill of one DAG. The rows are the truth: all of this follows from them anew."""

    spec: DagSpec  # of what is to run: it may be a part of the DAG
    version_id: int
    waiting: deque[DagRunInfo]  # the runs that are not begun, in their order
    options: BackfillOptions = field(default_factory=BackfillOptions)
    is_pinned: bool = False  # the runs go by `spec` rather than by the newest definition
    cleared: list[Clearable] = field(default_factory=list)  # before the first run begins
    first_us: int | None = None  # the date whose run waits for none before it
    total: int = 0
    begun: set[int] = field(default_factory=set)  # row ids of the runs that are under way
    untold: int = 0  # how many runs there was nothing left to do in
    ended: Counter[str] = field(default_factory=Counter)  # how many runs, by their states
    failed: list[FailedTask] = field(default_factory=list)
    refusal: str | None = None  # why no more runs are begun
    _met: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.total = len(self.waiting)
        self.first_us = min((run.logical_us for run in self.waiting), default=None)

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return self.spec.dag_id

    @property
    def is_over(self) -> bool:
        """Whether nothing is under way and nothing waits."""
        return not self.waiting and not self.begun

    def note_ended(self, states: Sequence[str], failed: Sequence[FailedTask]) -> None:
        """Note runs that are over; after a failure no more are begun, unless that is asked for."""
        self.ended.update(states)
        self.failed += failed
        if self.failed and not self.options.continue_on_failures:
            self.waiting.clear()

    def has_met(self, collision: str) -> bool:
        """Tell whether this run was in the way before, and note that it was."""
        was_met, self._met = collision in self._met, {collision}
        return was_met

    def refuse(self, reason: str) -> None:
        """Begin no more runs, for this reason."""
        self.refusal = self.refusal or reason
        self.waiting.clear()

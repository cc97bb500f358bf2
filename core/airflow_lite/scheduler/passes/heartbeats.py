"""What no event will tell of an attempt: lost with its supervisor, stuck, edited by a user.

Found by the heartbeats of task hosts, which are read from the store now and then; what is done
about an attempt that is lost or stuck is in `failed_attempts`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_lite.processes.recorded import is_gone, sweep
from airflow_lite.scheduler.passes.executor_reports import reread_instances
from airflow_lite.scheduler.passes.failed_attempts import FailedTry, end_tries, requeue
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import scheduling
from airflow_lite.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import ActiveAttempt

logger = logging.getLogger(__name__)

#: How often, in seconds, attempts are looked at of which our executor does not know.
FOREIGN_INTERVAL_S = 1.0
#: A pause of our own loop longer than this, in seconds, is not counted against anybody: only the
#: interval is, or nobody would ever be found dead by a loop whose passes take long.
_PAUSE_S = 1.0
_CLAIMED = frozenset({TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING})


@dataclass
class _Beats:
    count: int
    silent_s: float = 0.0


@dataclass
class Watch:
    """Looks at the rows of all active attempts and at the beats of their supervisors.

    Silence, and how long an attempt is queued, is measured in seconds that this loop ran, so that
    neither a suspended machine nor an outage of the database makes everybody look dead.
    """

    context: SchedulerContext
    beats: dict[str, _Beats] = field(default_factory=dict)
    looked_at: float | None = None

    def __post_init__(self) -> None:
        self._hostname = self.context.config.hostname

    @property
    def interval_s(self) -> float:
        """How long until the next look."""
        if any(active.is_unmanaged for active in self.context.memory.attempts):
            return FOREIGN_INTERVAL_S
        return self.context.settings.beat_interval_s

    def look(self) -> None:
        """Look once, act on what is found, and set the timer for the next look."""
        context = self.context
        elapsed_s = self._elapsed_s()
        with context.store.read() as connection:
            rows = scheduling.active_rows(connection)
        self._follow(rows)
        lost = self._lost(rows, elapsed_s)
        if lost:
            self._end_lost(lost)
        self._unstick(elapsed_s)
        revoke_superseded(context)
        if context.memory.attempts:
            context.timers.after("watch", self.interval_s)

    def _elapsed_s(self) -> float:
        """Return the seconds to count since the last look: after a pause, as if there was none."""
        now = self.context.clock.monotonic()
        before, self.looked_at = self.looked_at, now
        if before is None:
            return 0.0
        return now - before if now - before <= self.interval_s + _PAUSE_S else self.interval_s

    def _follow(self, rows: Iterable[Any]) -> None:
        """Read the rows whose state is not what we think: an event may have been lost."""
        states = {row.id: (row.state, row.attempt) for row in rows}
        memory = self.context.memory
        live = list(memory.live_attempts())
        changed = [
            active.instance.id
            for active in live
            if states.get(active.instance.id) != (active.instance.state, active.instance.attempt)
        ]
        live_ids = {active.instance.id for active in live}
        new = [
            row_id for row_id in states if memory.has_instance(row_id) and row_id not in live_ids
        ]
        reread_instances(self.context, [*changed, *new])

    def _lost(self, rows: Iterable[Any], elapsed_s: float) -> list[FailedTry]:
        supervisors: dict[str, Any] = {}
        for row in rows:
            if row.supervisor is not None and row.state in _CLAIMED:
                supervisors[row.supervisor] = row
        causes = {}
        for name, row in supervisors.items():
            cause = self._death(name, row, elapsed_s)
            if cause is not None:
                causes[name] = cause
        for name in self.beats.keys() - supervisors.keys():
            del self.beats[name]
        return [
            FailedTry(active, _lost_cause(active, causes[active.instance.supervisor]))
            for active in self.context.memory.attempts
            if active.is_claimed and active.instance.supervisor in causes
        ]

    def _death(self, name: str, row: Any, elapsed_s: float) -> str | None:
        if row.end_us is not None:
            return row.end_cause or "its supervisor ended"
        if is_gone(row, self._hostname):
            return "its supervisor's process is gone"
        count = row.beat_count if row.beat_count is not None else -1
        beats = self.beats.get(name)
        if beats is None or beats.count != count:
            self.beats[name] = _Beats(count)
            return None
        beats.silent_s += elapsed_s
        timeout_s = self.context.settings.beat_timeout_s
        return f"no beat for {timeout_s:g} s" if beats.silent_s >= timeout_s else None

    def _end_lost(self, lost: list[FailedTry]) -> None:
        """Read the rows once more, kill what is left on this machine, then end the tries."""
        context = self.context
        reread_instances(context, [failed.active.instance.id for failed in lost])
        still = [failed for failed in lost if failed.active.is_claimed]
        if not still:
            return
        tokens = [failed.active.token for failed in still]
        with context.store.read() as connection:
            processes = scheduling.attempt_processes(connection, tokens)
        sweep(processes, self._hostname, context.config.home)
        for failed in still:
            context.revoke(failed.active)
        end_tries(context, still)

    def _unstick(self, elapsed_s: float) -> None:
        """Take back what has been queued for too long."""
        context = self.context
        timeout_s = context.settings.task_queued_timeout_s
        queued = [active for active in context.memory.attempts if active.is_queued]
        for active in queued:
            active.queued_s = 0.0 if active.queued_s is None else active.queued_s + elapsed_s
        stuck = [active for active in queued if (active.queued_s or 0.0) >= timeout_s]
        if not stuck:
            return
        reason = f"queued for more than {timeout_s:g} s"
        for active in stuck:
            context.revoke(active)
        requeue(context, stuck, {active.token: reason for active in stuck}, is_counted=True)


def _lost_cause(active: ActiveAttempt, death: str) -> str:
    told = f"; {active.end_reason}" if active.end_reason else ""
    return storable(f"lost: {death}{told}")


def revoke_superseded(context: SchedulerContext) -> None:
    """Have the executor stop what may not go on: superseded, cleared, marked, timed out."""
    for active in list(context.memory.attempts):
        if active.is_live and active.instance.state != TaskInstanceState.RESTARTING:
            continue
        context.revoke(active)
        if active.is_unmanaged and not active.is_live:
            context.memory.forget_attempt(active.token)

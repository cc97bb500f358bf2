"""The scheduler's loop: woken, it looks, decides, queues, and waits again."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S
from airflow_lite.scheduler.loop.clock_jumps import ClockJumps
from airflow_lite.scheduler.loop.outage import FailedPasses
from airflow_lite.scheduler.loop.shutdown import POLL_S, Stopping, dump
from airflow_lite.scheduler.passes.advance_runs import advance_due
from airflow_lite.scheduler.passes.deferrals import Deferrals
from airflow_lite.scheduler.passes.dispatch import dispatch
from airflow_lite.scheduler.passes.executor_reports import (
    ExecutorDidNotStart,
    reread_instances,
    take_reports,
)
from airflow_lite.scheduler.passes.heartbeats import Watch, revoke_superseded
from airflow_lite.scheduler.passes.make_runs import make_and_start
from airflow_lite.scheduler.passes.refresh import follow_definitions, refresh, reload
from airflow_lite.scheduler.passes.retention import FIRST_LOOK_S, LOOK_S, Retention
from airflow_lite.scheduler.passes.share_dags import share_dags
from airflow_lite.scheduler.recovery.lease import StoreTaken
from airflow_lite.scheduler.recovery.takeover import adopt_queued, take_over
from airflow_lite.scheduler.state import notify_plugins
from airflow_lite.store import doorbell
from airflow_lite.store.faults import is_database_error
from airflow_lite.store.jobs import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from airflow_lite.logs.serving.service import LogService
    from airflow_lite.plugins.listeners import Listeners
    from airflow_lite.scheduler.dag_files.watcher import DagFiles
    from airflow_lite.scheduler.recovery.lease import Ownership
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.store.doorbell import Bell

logger = logging.getLogger(__name__)

#: Seconds between two beats on SQLite, where only `jobs check` reads them.
SQLITE_BEAT_S = 5.0
#: While so many attempts run and more is ready, passes begin so many seconds apart: the executor
#: has enough to do meanwhile, and one pass takes all that ended.
_CROWD, PACE_S = 8, 0.02
#: Messages of the doorbell that have one of these need no look at all runs and DAGs.
_SMALL = {"instances", "datasets"}


class Loop:
    """One scheduler at work. `run` returns when it was asked to stop, or `until` says so."""

    def __init__(
        self, context: SchedulerContext, ownership: Ownership, stopping: Stopping | None = None
    ) -> None:
        self.context = context
        self.ownership = ownership
        self.stopping = stopping or Stopping()
        self.watch = Watch(context)
        self.clock_jumps = ClockJumps(context)
        self._bell: Bell | None = None
        self._files: DagFiles | None = None
        self._log_service: LogService | None = None
        self.listeners: Listeners | None = None
        self._failed = FailedPasses(context.clock)
        self._retention = Retention(context)
        self._deferrals = Deferrals(context)

    def hang_bell(self) -> None:
        """Be woken by whoever rings the doorbell of this store; raise `StoreError`."""
        self._bell = doorbell.hang(self.context.config, self.context.store)
        self.context.waker.watch(self._bell.fileno())

    def let_plugins_listen(self) -> None:
        """Tell the plugins that go with the executor what happens, if any of them listens."""
        from airflow_lite.plugins.listeners import Listeners
        from airflow_lite.plugins.loading import listening_plugins

        self.listeners = Listeners(listening_plugins(self.context.config))
        self.context.announce = self.listeners.tell

    def watch_files(self) -> None:
        """Look at the DAG files, and have what is new parsed and saved."""
        from airflow_lite.scheduler.dag_files.watcher import DagFiles

        context = self.context
        self._files = DagFiles(
            context.config, context.store, context.clock, wake=context.waker.wake
        )
        context.waits_for_files = context.has_pickles

    def serve_logs(self) -> None:
        """Serve the logs of this machine to others, where they can be; raise `ConfigError`."""
        from airflow_lite.logs.serving.service import LogService

        self._log_service = LogService(self.context.config)
        self._log_service.start()
        self.context.waker.watch(self._log_service.fileno())

    def listen(self, *, interrupts: bool = True) -> None:
        """Take the signals of this process: SIGTERM, SIGINT, SIGUSR2. Main thread only.

        Without `interrupts`, the first two raise KeyboardInterrupt in the code of a task.
        """
        if self.context.is_inline:
            self.stopping.notice = (
                "stopping: the task that runs ends first, and no other begins;"
                " a second signal ends it"
            )
        self.stopping.listen(interrupts=interrupts)
        self.context.waker.wake_on_signals()

    def run(self, *, until: Callable[[], bool] = lambda: False, most_passes: int = -1) -> None:
        """Start, and pass until asked to stop or `until`; raise `ExecutorDidNotStart`, `LeaseLost`.

        With `most_passes`, stop by ourselves after so many. What runs then gets its grace.
        """
        self.start()
        passes = 0
        while not self.stopping.is_over:
            began = self.context.clock.monotonic()
            self.step()
            passes += 1
            if not self.stopping.is_asked and (until() or passes == most_passes):
                self.stopping.ask()
                self.stopping.drive(self.context)
            if not self.stopping.is_over:
                self.context.waker.wait(self.wait_s())
                time.sleep(self.rest_s(began))

    def rest_s(self, began: float) -> float:
        """Return how long to let ends gather, after a pass that began then, before the next one."""
        memory = self.context.memory
        if len(memory.attempts) < _CROWD or not any(len(run.ready) for run in memory.running):
            return 0.0
        return max(began + PACE_S - self.context.clock.monotonic(), 0.0)

    def start(self) -> None:
        """Start the executor and take over what an earlier scheduler left."""
        context = self.context
        context.runner.start()
        notify_plugins.executor_started(context)
        take_over(context)
        context.timers.after("refresh", context.settings.fallback_poll_s)
        # The lease runs since before all this; others who share the database are to see us live.
        context.timers.after("beat", self._beat_s if context.store.is_sqlite else 0.0)
        context.timers.after("retention", FIRST_LOOK_S)

    def step(self) -> None:
        """Make one pass; where it fails, load everything again and try later."""
        if self._log_service is not None:
            self._log_service.poll()
        if self._pause_s() > 0:
            self._take_rings()  # or the wait would end at once; all is loaded after the pause
            return
        began = self.context.clock.monotonic()
        try:
            self.do_pass()
        except (ExecutorDidNotStart, LeaseLost, StoreTaken):
            raise
        except Exception as error:
            self._recover(error)
        else:
            self._failed.clear()
            if self.context.figures is not None:
                self.context.figures.pass_took(self.context.clock.monotonic() - began)

    def _take_rings(self) -> list[dict[str, Any]]:
        """Return what was rung; if files have changed, have them looked at soon."""
        messages = self._bell.messages() if self._bell is not None else []
        if self._files is not None and any(message.get("files") for message in messages):
            self._files.look_soon()
        return messages

    def _pause_s(self) -> float:
        """Return how long to hold still after a pass that failed: not for long if asked to stop."""
        return self._failed.pause_s(POLL_S if self.stopping.is_asked else None)

    def _recover(self, error: Exception) -> None:
        """Doubt all that is in memory; raise `error` if nothing but failures came for long."""
        if is_database_error(error):
            self.ownership.check_file()
        self._failed.add(error)
        self.context.memory.doubt_all()
        self.context.timers.after("refresh", 0.0)
        # The pass may have failed after it had taken these.
        self.context.timers.set_if_none("beat", 0.0)
        self.context.timers.set_if_none("retention", LOOK_S)
        if self.stopping.is_asked:
            self.stopping.drive(self.context)

    def do_pass(self) -> None:
        """Look at what happened, decide, write, and hand on."""
        context = self.context
        self.clock_jumps.look()
        self._take_messages()
        if context.is_inline:
            context.runner.poke()
        take_reports(context)
        if context.timers.take("watch"):
            self.watch.look()
            notify_plugins.executor_heartbeat(context)
        reload(context)
        self._deferrals.step()
        adopt_queued(context)
        revoke_superseded(context)
        if not self.stopping.is_asked:
            make_and_start(context)
        follow_definitions(context)
        advance_due(context)
        if not self.stopping.is_asked:
            dispatch(context)
        context.callbacks.poll()
        self._do_due_chores()
        self.stopping.drive(context)

    def _take_messages(self) -> None:
        """Take what was rung, what was parsed, and look by ourselves now and then."""
        context = self.context
        messages = self._take_rings()
        is_edited = any(not message.keys() & _SMALL for message in messages)
        if any("datasets" in message for message in messages):
            context.memory.plan_waiting_dags()
        if self._has_new_files() or is_edited or context.timers.take("refresh"):
            self._refresh()
        reread_instances(
            context, [row for message in messages for row in message.get("instances", ())]
        )

    def _refresh(self) -> None:
        context = self.context
        refresh(context)
        context.timers.after("refresh", context.settings.fallback_poll_s)
        if context.has_unowned and share_dags(context):
            refresh(context)

    def _has_new_files(self) -> bool:
        """Have the files looked at if that is due; return whether anything was saved since."""
        if self._files is None or not self.context.fellows.is_leader:
            return False
        if not self.stopping.is_asked:
            self._files.tick()
        if self._files.has_looked:
            self.context.waits_for_files = False
        return bool(self._files.poll())

    def _do_due_chores(self) -> None:
        context = self.context
        if self.stopping.wants_dump:
            self.stopping.wants_dump = False
            dump(context)
        if context.timers.take("beat"):
            self._beat()
        if context.timers.take("retention"):
            is_ours = context.fellows.is_leader
            context.timers.after("retention", self._retention.step() if is_ours else LOOK_S)
        if context.memory.attempts:
            context.timers.set_if_none("watch", self.watch.interval_s)

    def _beat(self) -> None:
        """Renew the lease, and where there may be other schedulers see about the DAGs' owners."""
        context = self.context
        if context.scope is None and not context.store.is_sqlite and share_dags(context):
            self._refresh()
        taken = sum(not active.is_unmanaged for active in context.memory.live_attempts())
        slots = context.runner.slots_available
        self.ownership.renew(
            takes_dags=not self.stopping.is_asked,
            open_slots=None if slots == sys.maxsize else slots,
            taken_slots=taken,
        )
        context.timers.after("beat", self._beat_s)
        if context.figures is not None:
            context.figures.beat(context)

    @property
    def _beat_s(self) -> float:
        if self.context.store.is_sqlite:
            return SQLITE_BEAT_S
        return self.context.settings.lease_timeout_s / 3

    def wait_s(self) -> float:
        """Return how long nothing is due."""
        context = self.context
        memory = context.memory
        if (pause_s := self._pause_s()) > 0:
            return pause_s
        if memory.is_due:
            return 0.0
        most_s = POLL_S if self.stopping.is_asked else context.settings.fallback_poll_s
        waits = [context.timers.wait_s(most_s), context.callbacks.wait_s()]
        waits.append(self._deferrals.wait_s())
        if self._files is not None and context.fellows.is_leader:
            waits.append(self._files.due_in_s())
        next_us = memory.next_wake_us()
        if next_us is not None:
            waits.append(max(next_us - context.clock.now_us(), 0) / US_PER_S)
        return min(wait for wait in waits if wait is not None)

    def close(self, *, state: str) -> None:
        """Let go of everything, and record how the job ended."""
        try:
            self.context.callbacks.kill()
            self._deferrals.close()
            if self._files is not None:
                self._files.close()
            notify_plugins.executor_ended(self.context, clean=not self.stopping.terminated)
            if self.listeners is not None:
                self.listeners.close()
            if self.context.figures is not None:
                self.context.figures.close()
        finally:
            self.ownership.end(state=state)
            if self._log_service is not None:
                self._log_service.close()
            if self._bell is not None:
                self._bell.close()
            self.context.waker.close()

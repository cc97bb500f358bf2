"""The scheduler's loop: woken, it looks, decides, queues, and waits again."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S, seconds_us
from airflow_lite.scheduler.loop.clock_jumps import ClockJumps
from airflow_lite.scheduler.loop.outage import FailedPasses
from airflow_lite.scheduler.loop.shutdown import POLL_S, Stopping, dump
from airflow_lite.scheduler.passes.advance_runs import advance_due
from airflow_lite.scheduler.passes.dispatch import dispatch
from airflow_lite.scheduler.passes.executor_reports import ExecutorDidNotStart, look, take_reports
from airflow_lite.scheduler.passes.heartbeats import Watch, take_back
from airflow_lite.scheduler.passes.make_runs import make_and_start
from airflow_lite.scheduler.passes.refresh import follow_definitions, refresh, reload
from airflow_lite.scheduler.recovery.lease import LeaseLost, StoreTaken
from airflow_lite.scheduler.recovery.takeover import take_over
from airflow_lite.scheduler.state import notify_plugins
from airflow_lite.store import callbacks, scheduling
from airflow_lite.store.jobs import is_database_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from airflow_lite.logs.serving.service import LogService
    from airflow_lite.plugins.listeners import Listeners
    from airflow_lite.processes.doorbell import Doorbell
    from airflow_lite.scheduler.dag_files.watcher import DagFiles
    from airflow_lite.scheduler.recovery.lease import Ownership
    from airflow_lite.scheduler.state.context import World

logger = logging.getLogger(__name__)

#: Seconds between two beats on SQLite, where only `jobs check` reads them.
SQLITE_BEAT_S = 5.0
#: While so many attempts run and more is ready, passes begin so many seconds apart: the executor
#: has enough to do meanwhile, and one pass takes all that ended.
_CROWD, PACE_S = 8, 0.02
_RETENTION_S = 3600.0
_RETENTION_BATCH = 5_000


class Loop:
    """One scheduler at work. `run` returns when it was asked to stop, or `until` says so."""

    def __init__(self, world: World, ownership: Ownership) -> None:
        self.world = world
        self.ownership = ownership
        self.stopping = Stopping()
        self.watch = Watch(world)
        self.clock_jumps = ClockJumps(world)
        self._bell: Doorbell | None = None
        self._files: DagFiles | None = None
        self._log_service: LogService | None = None
        self.listeners: Listeners | None = None
        self._failed = FailedPasses(world.clock)

    def hang_bell(self) -> None:
        """Be woken by whoever rings the doorbell of this home."""
        from airflow_lite.processes.doorbell import Doorbell

        self._bell = Doorbell(self.world.config.home)
        self.world.waker.watch(self._bell.fileno())

    def let_plugins_listen(self) -> None:
        """Tell the plugins that go with the executor what happens, if any of them listens."""
        from airflow_lite.plugins.listeners import Listeners
        from airflow_lite.plugins.loading import listening_plugins

        self.listeners = Listeners(listening_plugins(self.world.config))
        self.world.announce = self.listeners.tell

    def watch_files(self) -> None:
        """Look at the DAG files, and have what is new parsed and saved."""
        from airflow_lite.scheduler.dag_files.watcher import DagFiles

        world = self.world
        self._files = DagFiles(world.config, world.store, world.clock, wake=world.waker.wake)

    def serve_logs(self) -> None:
        """Serve the logs of this machine to others, where they can be; raise `ConfigError`."""
        from airflow_lite.logs.serving.service import LogService

        self._log_service = LogService(self.world.config)
        self._log_service.start()
        self.world.waker.watch(self._log_service.fileno())

    def listen(self, *, interrupts: bool = True) -> None:
        """Take the signals of this process: SIGTERM, SIGINT, SIGUSR2. Main thread only.

        Without `interrupts`, the first two raise KeyboardInterrupt in the code of a task.
        """
        if self.world.is_inline:
            self.stopping.notice = (
                "stopping: the task that runs ends first, and no other begins;"
                " a second signal ends it"
            )
        self.stopping.listen(interrupts=interrupts)
        self.world.waker.wake_on_signals()

    def run(self, *, until: Callable[[], bool] = lambda: False, most_passes: int = -1) -> None:
        """Start, and pass until asked to stop or `until`; raise `ExecutorDidNotStart`, `LeaseLost`.

        With `most_passes`, stop by ourselves after so many. What runs then gets its grace.
        """
        self.start()
        passes = 0
        while not self.stopping.is_over:
            began = self.world.clock.monotonic()
            self.step()
            passes += 1
            if not self.stopping.is_asked and (until() or passes == most_passes):
                self.stopping.ask()
                self.stopping.drive(self.world)
            if not self.stopping.is_over:
                self.world.waker.wait(self.wait_s())
                time.sleep(self.rest_s(began))

    def rest_s(self, began: float) -> float:
        """Return how long to let ends gather, after a pass that began then, before the next one."""
        owned = self.world.owned
        if len(owned.active) < _CROWD or not any(len(run.ready) for run in owned.runs.values()):
            return 0.0
        return max(began + PACE_S - self.world.clock.monotonic(), 0.0)

    def start(self) -> None:
        """Start the executor and take over what an earlier scheduler left."""
        world = self.world
        world.runner.start()
        notify_plugins.executor_started(world)
        take_over(world)
        self._take_open_callbacks()
        world.timers.after("refresh", world.settings.fallback_poll_s)
        world.timers.after("beat", self._beat_s)
        world.timers.after("retention", _RETENTION_S)

    def _take_open_callbacks(self) -> None:
        if self.world.scope is None:
            with self.world.store.read() as connection:
                self.world.callbacks.add(callbacks.open_of_all(connection))

    def step(self) -> None:
        """Make one pass; where it fails, load everything again and try later."""
        if self._log_service is not None:
            self._log_service.poll()
        if self._pause_s() > 0:
            self._take_rings()  # or the wait would end at once; all is loaded after the pause
            return
        try:
            self.do_pass()
        except (ExecutorDidNotStart, LeaseLost, StoreTaken):
            raise
        except Exception as error:
            self._recover(error)
        else:
            self._failed.clear()

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
        owned = self.world.owned
        owned.stale_runs.update(owned.runs, owned.waiting)
        owned.due_dags.update(owned.dags)
        self.world.timers.after("refresh", 0.0)
        # The pass may have failed after it had taken these.
        self.world.timers.set_if_none("beat", 0.0)
        self.world.timers.set_if_none("retention", _RETENTION_S)
        if self.stopping.is_asked:
            self.stopping.drive(self.world)

    def do_pass(self) -> None:
        """Look at what happened, decide, write, and hand on."""
        world = self.world
        self.clock_jumps.look()
        self._hear()
        if world.is_inline:
            world.runner.poke()
        take_reports(world)
        if world.timers.take("watch"):
            self.watch.look()
            notify_plugins.executor_looked_at(world)
        reload(world)
        take_back(world)
        if not self.stopping.is_asked:
            make_and_start(world)
        follow_definitions(world)
        advance_due(world)
        if not self.stopping.is_asked:
            dispatch(world)
        world.callbacks.poll()
        self._keep_house()
        self.stopping.drive(world)

    def _hear(self) -> None:
        """Take what was rung, what was parsed, and look by ourselves now and then."""
        world = self.world
        messages = self._take_rings()
        is_edited = any("instances" not in message for message in messages)
        if self._has_new_files() or is_edited or world.timers.take("refresh"):
            refresh(world)
            world.timers.after("refresh", world.settings.fallback_poll_s)
        look(world, [row for message in messages for row in message.get("instances", ())])

    def _has_new_files(self) -> bool:
        """Have the files looked at if that is due; return whether anything was saved since."""
        if self._files is None:
            return False
        if not self.stopping.is_asked:
            self._files.tick()
        return bool(self._files.poll())

    def _keep_house(self) -> None:
        world = self.world
        if self.stopping.wants_dump:
            self.stopping.wants_dump = False
            dump(world)
        if world.timers.take("beat"):
            self.ownership.renew()
            world.timers.after("beat", self._beat_s)
        if world.timers.take("retention"):
            self._drop_old_events()
        if world.owned.active:
            world.timers.set_if_none("watch", self.watch.interval_s)

    def _drop_old_events(self) -> None:
        world = self.world
        days = world.config.getfloat("database", "task_event_retention_days")
        before_us = world.clock.now_us() - seconds_us(days * 86_400)
        with world.store.begin() as connection:
            dropped = scheduling.drop_old_events(connection, before_us, _RETENTION_BATCH)
        world.timers.after("retention", 1.0 if dropped == _RETENTION_BATCH else _RETENTION_S)

    @property
    def _beat_s(self) -> float:
        if self.world.store.is_sqlite:
            return SQLITE_BEAT_S
        return self.world.settings.lease_timeout_s / 3

    def wait_s(self) -> float:
        """Return how long nothing is due."""
        world = self.world
        owned = world.owned
        if (pause_s := self._pause_s()) > 0:
            return pause_s
        if owned.stale_runs or owned.due_runs or owned.due_dags:
            return 0.0
        most_s = POLL_S if self.stopping.is_asked else world.settings.fallback_poll_s
        waits = [world.timers.wait_s(most_s), world.callbacks.wait_s()]
        if self._files is not None:
            waits.append(self._files.due_in_s())
        next_us = owned.next_wake_us()
        if next_us is not None:
            waits.append(max(next_us - world.clock.now_us(), 0) / US_PER_S)
        return min(wait for wait in waits if wait is not None)

    def close(self, *, state: str) -> None:
        """Let go of everything, and record how the job ended."""
        try:
            self.world.callbacks.kill()
            if self._files is not None:
                self._files.close()
            notify_plugins.executor_ended(self.world, clean=not self.stopping.terminated)
            if self.listeners is not None:
                self.listeners.close()
        finally:
            self.ownership.end(state=state)
            if self._log_service is not None:
                self._log_service.close()
            if self._bell is not None:
                self._bell.close()
            self.world.waker.close()

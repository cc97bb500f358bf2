"""One executor on its own thread, driven heartbeat by heartbeat, every wait with a deadline."""

from __future__ import annotations

import logging
import queue
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.api.executor.events import UNENDED
from airflow_lite.config import Config
from airflow_lite_testing.experience import END, START, returning
from airflow_lite_testing.processes import descendants, kill

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite_testing.bench import Attempt, Bench
    from airflow_lite_testing.experience import Experience
    from airflow_lite_testing.subject import Subject

#: How long, in seconds, for what must not come.
QUIET_S = 0.4
#: Longest time, in seconds, that one call may keep the executor's thread.
BUDGET_S = 5.0
_BEAT_S = 0.02
#: Seconds that an executor has to end, and to terminate, after a case.
_CLOSE_S = 10.0


class _Overrun(Exception):
    """A call kept the executor's thread for longer than it may."""


class ReportedEvent(NamedTuple):
    """An event that the executor reported."""

    key: TaskInstanceKey
    state: str | None
    info: Any

    def __repr__(self) -> str:
        info = "" if self.info is None else f", {self.info!r}"
        return f"<{self.state}{info} of {self.key.run_id}/{self.key.task_id}>"

    @property
    def is_end(self) -> bool:
        """Whether it says that the attempt is over."""
        return self.state not in UNENDED


class Rig:
    """Drives one executor as the scheduler does, all its methods on one thread.

    What the executor raises is raised here; a call that overruns its budget fails the case.
    """

    def __init__(
        self,
        subject: Subject,
        bench: Bench,
        experience: Experience,
        *,
        deadline_s: float,
        parallelism: int | None = None,
    ) -> None:
        """Make an executor of `parallelism` (None: as configured); waits take `deadline_s`."""
        self.deadline_s = deadline_s
        self.bench = bench
        self.experience = experience
        self.is_stuck = False
        self.events: list[ReportedEvent] = []
        self.durations: dict[str, float] = {}
        self.attempts: list[Attempt] = []
        self.woken = threading.Event()
        self._subject = subject
        self._thread = None if subject.type.runs_in_process else _Thread()
        self.executor = self.call("the constructor", subject.make)
        self.call("configure", lambda: self._configure(parallelism))

    def _configure(self, parallelism: int | None) -> None:
        overrides = {} if parallelism is None else {("core", "parallelism"): str(parallelism)}
        self.executor.name = self._subject.name.rpartition(":")[2].rpartition(".")[2]
        config = Config.load(overrides=overrides)
        config.plugin_options = self._subject.options
        self.executor.configure(config)
        self.executor.bind(self.woken.set)

    def call(self, name: str, function: Callable[[], Any], budget_s: float = BUDGET_S) -> Any:
        """Call `function` on the executor's thread; return or raise what it does."""
        what = returning(name)
        self.experience.need(what)
        began = time.monotonic()
        try:
            if self._thread is None:
                return function()
            value = self._thread.call(function, budget_s)
            self.experience.saw(what)
            return value
        except _Overrun:
            self.is_stuck = True
            self.experience.missed(what)
            raise AssertionError(f"{name} took longer than {budget_s:g} s") from None
        finally:
            took = time.monotonic() - began
            self.durations[name] = max(took, self.durations.get(name, 0.0))

    def start(self) -> Rig:
        """Start the executor."""
        self.call("start", self.executor.start, self.deadline_s)
        return self

    def queue(self, *attempts: Attempt, priority: int = 1) -> None:
        """Hand attempts to the executor."""
        for attempt in attempts:
            self.attempts.append(attempt)
            item = (attempt.ti, attempt.command, priority, attempt.ti.queue)
            self.call("queue_command", partial(self.executor.queue_command, *item))

    def beat(self, budget_s: float = BUDGET_S) -> None:
        """Run one heartbeat and take the events."""
        self.call("heartbeat", self.executor.heartbeat, budget_s)
        self.collect()

    def collect(self) -> None:
        """Take the events."""
        events = self.call("get_event_buffer", self.executor.get_event_buffer)
        self.events += [ReportedEvent(key, state, info) for key, (state, info) in events.items()]

    def until(
        self,
        condition: Callable[[], Any],
        goal: str,
        deadline_s: float | None = None,
        *,
        kind: str = "",
    ) -> None:
        """Beat until `condition` is true; fail with `goal` after the deadline.

        What is of a `kind` that never came in any case is not waited for again.
        """
        self.experience.need(kind)
        deadline_s = deadline_s or self.deadline_s
        end = time.monotonic() + deadline_s
        while True:
            self.beat()
            if condition():
                self.experience.saw(kind)
                return
            if time.monotonic() > end:
                self.experience.missed(kind)
                raise AssertionError(f"waited {deadline_s:g} s for {goal}")
            self._rest()

    def for_a_while(self, quiet_s: float = QUIET_S) -> None:
        """Beat for a short time, in which something must not happen."""
        end = time.monotonic() + quiet_s
        while time.monotonic() < end:
            self.beat()
            self._rest()

    def _rest(self) -> None:
        self.woken.wait(_BEAT_S)
        self.woken.clear()

    def run(self, *attempts: Attempt) -> None:
        """Queue attempts and beat until the end of each was reported."""
        self.queue(*attempts)
        self.until_ended(*attempts)

    def until_started(self, *attempts: Attempt) -> None:
        """Beat until each of these attempts' code has started."""
        self.until(
            lambda: all(self.bench.starts(attempt) for attempt in attempts),
            f"{len(attempts)} attempt(s) to start",
            kind=START,
        )

    def until_ended(self, *attempts: Attempt) -> None:
        """Beat until the end of each of these attempts was reported."""
        self.until(
            lambda: all(self.ends(attempt) for attempt in attempts),
            f"the end of {len(attempts)} attempt(s) to be reported",
            kind=END,
        )

    def ends(self, attempt: Attempt) -> list[ReportedEvent]:
        """Return the events that said that this attempt is over."""
        return [event for event in self.events if event.key == attempt.ti.key and event.is_end]

    def has(self, attempt: Attempt) -> bool:
        """Ask the executor whether it has this attempt."""
        return bool(self.call("has_task", lambda: self.executor.has_task(attempt.ti)))

    @property
    def slots(self) -> int:
        """The executor's own count of free slots."""
        return int(self.call("slots_available", lambda: self.executor.slots_available))

    def end(self, budget_s: float = BUDGET_S) -> None:
        """End the executor and take its last events."""
        self.call("end", self.executor.end, budget_s)
        self.collect()

    def terminate(self, budget_s: float = BUDGET_S) -> None:
        """Terminate the executor."""
        self.call("terminate", self.executor.terminate, budget_s)

    def close(self) -> None:
        """Stop everything, however the case went; what the executor leaves is killed."""
        self.bench.release_all()
        for step in (self.terminate, self.end):
            if self.is_stuck:
                break
            try:
                step(min(self.deadline_s, _CLOSE_S))
            except Exception:
                logging.getLogger(__name__).info("after the case: %s failed", step, exc_info=True)
        self.stop()
        self.kill_what_is_left()

    def stop(self) -> None:
        """End the thread, and let go of the executor; one that is stuck is left behind."""
        if self._thread is not None and not self.is_stuck:
            self._thread.stop()

    def kill_what_is_left(self) -> None:
        """Kill the attempts' processes and what hangs below them that is still there."""
        of_attempts = self.bench.pids()
        for process in descendants():
            if process.pid in of_attempts:
                kill(process.pid)


class _Thread:
    """A thread that runs calls one by one."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="kit-executor", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    def call(self, function: Callable[[], Any], budget_s: float) -> Any:
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put((function(), None))
            except BaseException as error:  # it is raised again on the caller's thread
                answer.put((None, error))

        self._calls.put(run)
        try:
            value, error = answer.get(timeout=budget_s)
        except queue.Empty:
            raise _Overrun from None
        if error is not None:
            raise error
        return value

    def stop(self) -> None:
        self._calls.put(None)
        self._thread.join(BUDGET_S)

"""The pool of a Celery worker: no processes of Celery's, one task host.

Everything but the task host's calls happens on the thread of the worker's event loop, so that
messages are acknowledged there: connections to brokers are not made for several threads.
"""

from __future__ import annotations

import logging
import os
import select
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery.concurrency.base import BasePool
from celery.worker import state as celery_state

from airflow_lite.executors import Pace
from airflow_lite_celery_executor.messages import Beat
from airflow_lite_celery_executor.worker.context import context_of
from airflow_lite_celery_executor.worker.flow import MOST_AHEAD, Flow
from airflow_lite_celery_executor.worker.liveness import TOUCH_S
from airflow_lite_celery_executor.worker.watchdog import Stall, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_lite.worker import TaskHost

#: A claimed attempt that has run for so long, in seconds, is acknowledged: its row is the truth,
#: and brokers deliver again what is not acknowledged for long.
HELD_AFTER_S = 10.0
#: A task that runs for so long, in seconds, is no brisk one.
BRISK_S = 3.0
#: Seconds until a worker without work ends its task host, for the sake of its memory.
_IDLE_S = 60.0
#: Longest wait, in seconds, for something to happen while the worker ends.
_TURN_S = 1.0
#: Seconds that a killed task host has to record what it killed.
_KILL_S = 15.0
_SIGKILL = 9
#: So often a worker that is given nothing connects anew before it ends.
MOST_STALLS = 2

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Job:
    """An attempt in the task host, and the latest message that asked for it."""

    token: str
    number: int
    request: Any
    accept: Callable[[int, float], None]
    finish: Callable[[tuple[bool, None, float]], None]
    since: float
    is_running: bool = False
    is_held: bool = False  # acknowledged, and still running
    is_released: bool = False  # to be given back, if it is not claimed


class TaskHostPool(BasePool):  # type: ignore[misc]
    """Hands each attempt to the task host, and acknowledges its message when that is safe."""

    signal_safe = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._context = context_of(self.app)
        self._host: TaskHost | None = None
        self._jobs: dict[str, _Job] = {}
        self._numbers: dict[int, str] = {}
        self._last_number = 0
        self._events: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)
        self._hub: Any = None
        self._consumer: Any = None
        self.is_draining = False
        self._kill_at: float | None = None  # a moment of `time.monotonic`
        self.flow = Flow()
        self._pace = Pace()
        self._watchdog = Watchdog()
        self._context.reporter.look = self._beat
        self._context.reporter.watch = self._watch
        self._context.reporter.has_more = lambda: len(self._jobs) > self.limit

    def on_start(self) -> None:
        """Start the task host; raises OSError if that cannot be."""
        from airflow_lite.worker import TaskHost

        self._host = TaskHost(
            self._context.config,
            on_ended=lambda *outcome: self._soon(self._ended, *outcome),
            on_running=lambda token: self._soon(self._runs, token),
            on_trouble=lambda fault: self._soon(self._in_trouble, fault),
            most_at_once=self.limit,
            idle_s=_IDLE_S,
        )
        self._host.start()

    def register_with_event_loop(self, hub: Any) -> None:
        """Have the event loop watch for what the task host tells; again after each reconnect."""
        self._hub = hub
        hub.add_reader(self._reading, self._turn)
        hub.call_soon(self._turn)
        hub.call_repeatedly(TOUCH_S, self._context.liveness.touch)
        for job in self._jobs.values():  # the timers have gone with the connection
            if job.is_running and not job.is_held:
                hub.call_later(HELD_AFTER_S, self._hold, job.token)

    def serve(self, consumer: Any) -> None:
        """Serve this consumer, whose connection is new."""
        self._consumer = consumer
        self.flow.serve(consumer)
        self._hub.call_soon(self._flow)

    def on_apply(
        self,
        _target: Any,
        args: Any,
        _kwargs: Any,
        *,
        callback: Any,
        accept_callback: Any,
        **_options: Any,
    ) -> None:
        """Hand over the attempt of a message that was checked; one that is here gets this one."""
        token, body = args[1], args[2]["args"]
        command = list(body[0]["command"])
        request = callback.__self__
        known = self._jobs.get(token)
        if known is not None:
            self._replace(known, request, accept_callback, callback)
            return
        self._last_number += 1
        job = _Job(token, self._last_number, request, accept_callback, callback, time.monotonic())
        self._jobs[token], self._numbers[job.number] = job, token
        self._context.memory.note(token, "handed to the task host")
        self._require_host().run(command)

    def _replace(self, job: _Job, request: Any, accept: Any, finish: Any) -> None:
        """Let the newest delivery of an attempt be the one to acknowledge."""
        celery_state.task_ready(job.request)
        if job.request.message.channel is request.message.channel:
            job.request.acknowledge()  # sent twice: one of them is enough to keep
        else:
            job.request.acknowledged = True  # its connection is gone, and its delivery void
        job.request, job.accept, job.finish = request, accept, finish
        if job.is_running:
            job.accept(job.number, time.monotonic())
        if job.is_held:
            request.acknowledge()

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Have the attempt with that number stopped. May be called by a signal handler."""
        token = self._numbers.get(pid)
        if token is not None:
            self._soon(self.stop_attempt, token, 0.0 if signal == _SIGKILL else None)

    def stop_attempt(self, token: str, grace_s: float | None) -> None:
        """Have an attempt stopped, whether it runs or waits."""
        if token in self._jobs:
            self._context.memory.note(token, "told to stop")
            self._require_host().cancel(token, grace_s)

    def grow(self, number: int = 1) -> None:
        """Run so many more at once."""
        self._limit(self.limit + number)

    def shrink(self, number: int = 1) -> None:
        """Run so many fewer at once; what runs goes on."""
        self._limit(max(self.limit - number, 1))

    def _limit(self, limit: int) -> None:
        self.limit = limit
        self._require_host().limit(limit)
        self._flow()
        if self._hub is not None:
            self._hub.call_soon(self.flow.renew)  # once the prefetch count is set, too

    @property
    def running(self) -> list[str]:
        """The tokens of the attempts that run here."""
        return [job.token for job in self._jobs.values() if job.is_running]

    @property
    def waiting(self) -> int:
        """How many attempts wait here."""
        return len(self._jobs) - len(self.running)

    @property
    def unacknowledged(self) -> dict[str, list[float]]:
        """For how many seconds the messages of each queue are here that are not acknowledged."""
        return unacknowledged(self._jobs.values(), time.monotonic())

    @property
    def queues(self) -> list[str]:
        """The queues that tasks are taken from now. May be asked on another thread."""
        tasks = None if self._consumer is None else self._consumer.task_consumer
        return sorted(queue.name for queue in tasks.queues) if tasks else []

    def _beat(self) -> Beat:
        """Tell of this worker, on the reporter's thread; one that ends has no slots."""
        slots = 0 if self.is_draining else self.limit
        return Beat(list(self._jobs), self.queues, slots, self._context.fault)

    def _watch(self, beat: Beat, depth: Callable[[str], int]) -> None:
        """Have the worker connect anew, or end, if it is given nothing; the reporter's thread."""
        stall = self._watchdog.look(beat, self._context.received, depth)
        if stall is None:
            return
        if stall.number > MOST_STALLS + 1:  # nor does it end: its event loop hangs
            logger.error("%s; this worker does not even end, and is killed", stall)
            os._exit(os.EX_UNAVAILABLE)
        self._soon(self._stalled, stall)

    def _stalled(self, stall: Stall) -> None:
        if stall.number <= MOST_STALLS:
            raise ConnectionResetError(str(stall))  # the consumer connects anew
        logger.error("%s; connecting anew did not help, so this worker ends", stall)
        celery_state.should_stop = os.EX_UNAVAILABLE

    def _require_host(self) -> TaskHost:
        assert self._host is not None  # it was started
        return self._host

    def _soon(self, function: Callable[..., None], *args: Any) -> None:
        """Have the event loop's thread call a function."""
        self._events.append((function, args))
        self.wake()

    def _turn(self) -> None:
        """Do what the task host's calls ask for."""
        with suppress(BlockingIOError):
            os.read(self._reading, 65_536)
        while self._events:
            function, args = self._events.popleft()
            function(*args)

    def _runs(self, token: str) -> None:
        job = self._jobs.get(token)
        if job is None:
            return
        self._context.memory.note(token, "running")
        job.is_running = True
        job.accept(job.number, time.monotonic())
        self._context.reporter.runs(token)
        self._hub.call_later(BRISK_S, self._takes_long, token)

    def _takes_long(self, token: str) -> None:
        """Take nothing ahead while tasks take long, and give back what waits behind such ones."""
        job = self._jobs.get(token)
        if job is None:
            return
        self._hub.call_later(HELD_AFTER_S - BRISK_S, self._hold, token)
        self._pace.stumbled()
        self._flow()
        if len(self.running) >= self.limit:
            self._release()

    def _hold(self, token: str) -> None:
        """Acknowledge an attempt that takes long; take no message for its slot meanwhile."""
        job = self._jobs.get(token)
        if job is None or job.is_held:
            return
        job.is_held = True
        self._flow()  # first: an acknowledged message makes room for another
        job.request.acknowledge()

    def _ended(self, token: str, was_claimed: bool) -> None:  # noqa: FBT001 - a callback
        job = self._jobs.pop(token, None)
        if job is None:
            return
        self._numbers.pop(job.number, None)
        if was_claimed:
            self._context.memory.note(token, "ended; its outcome is recorded")
            self._quicken(time.monotonic() - job.since)
            job.finish((False, None, time.monotonic() - job.since))
            self._context.reporter.ended(token)
        elif job.is_released or self.is_draining or self._context.fault is not None:
            self._context.memory.note(token, "given back to the broker")
            celery_state.task_ready(job.request)
            job.request.reject(requeue=True)
        else:
            self._context.memory.note(token, "not run here: it is not this worker's to claim")
            job.finish((False, None, 0.0))
            self._context.reporter.not_claimed(token)
        if job.is_held:
            self._flow()

    def _quicken(self, age_s: float) -> None:
        """Take as many messages ahead as tasks that are over so soon can do with."""
        depth = min(self._pace.depth, MOST_AHEAD)
        self._pace.ended(age_s)
        if min(self._pace.depth, MOST_AHEAD) != depth and not self.is_draining:
            self._flow()

    def _in_trouble(self, fault: str | None) -> None:
        """Take no messages while no attempt can be claimed, and give back those that wait."""
        if fault is not None:
            logger.warning("this worker takes no tasks: %s", fault)
        elif self._context.fault is not None:
            logger.info("this worker takes tasks again")
        self._context.fault = fault
        self._flow()

    def _flow(self) -> None:
        held = sum(job.is_held for job in self._jobs.values())
        free = 0 if self._context.fault is not None else self.limit - held
        self.flow.set_free(free, self.limit, self._pace.depth)
        if free <= 0:
            self._release()

    def _release(self) -> None:
        if self._host is None:
            return
        tokens = [job.token for job in self._jobs.values() if not job.is_running]
        for token in tokens:
            self._jobs[token].is_released = True
        if tokens:
            self._host.release(tokens)

    def wake(self) -> None:
        """Have the event loop look around. May be called by a signal handler."""
        with suppress(BlockingIOError):  # it is awake
            os.write(self._writing, b"x")

    def kill_after(self, grace_s: float) -> None:
        """Have a shutdown kill what runs after so long. May be called by a signal handler."""
        self._kill_at = time.monotonic() + grace_s

    def on_stop(self) -> None:
        """Let what runs end, for `shutdown_grace_s`; then leave it to the task host alone."""
        if self.is_draining or self._host is None:
            return
        self.is_draining = True
        self._host.drain()
        grace_s = self._context.config.getfloat("scheduler", "shutdown_grace_s")
        leave_at = time.monotonic() + grace_s
        self._drain_until(lambda: self._kill_at or leave_at)
        if self._kill_at is not None:
            self._kill()
        elif self._jobs:
            logger.warning(
                "%d tasks still run after %g s; they finish and record themselves without this"
                " worker",
                len(self._jobs),
                grace_s,
            )
        self._leave()

    def _drain_until(self, moment: Callable[[], float]) -> None:
        """Wait for the end of all that is here, until a moment, which may change meanwhile."""
        alarm = None
        while self._jobs and time.monotonic() < moment():
            if alarm != moment() and self._hub is not None:
                alarm = moment()
                self._hub.call_later(alarm - time.monotonic(), self.wake)
            self._wait()
        if self._hub is not None:  # the last acknowledgements
            self.wake()
            self._wait()

    def on_terminate(self) -> None:
        """Kill what runs, and record that."""
        if self._host is None:
            return
        self.is_draining = True
        self._kill()
        self._leave()

    def _kill(self) -> None:
        host = self._require_host()
        host.terminate(self._context.config.getfloat("core", "killed_task_cleanup_time"))
        deadline = time.monotonic() + _KILL_S
        while self._jobs and time.monotonic() < deadline:
            self._wait()

    def _leave(self) -> None:
        host, self._host = self._require_host(), None
        if self._jobs or not host.wait(_TURN_S):
            host.detach()

    def _wait(self) -> None:
        """Wait for something to happen; the connection is kept alive as long as it works."""
        self._context.liveness.touch()
        if self._hub is not None:
            try:
                self._hub.run_once()
            except Exception as error:  # of whichever connection: the task host goes on
                logger.warning("the connection to the broker is lost while ending: %s", error)
                self._hub = None
            return
        select.select([self._reading], [], [], _TURN_S)
        self._turn()

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        pid = None if self._host is None else self._host.pid
        return {**info, "processes": [] if pid is None else [pid]}


def unacknowledged(jobs: Iterable[_Job], now: float) -> dict[str, list[float]]:
    """Return the ages of the messages that are not acknowledged, by their queues."""
    ages: dict[str, list[float]] = {}
    for job in jobs:
        if not job.is_held:
            queue = str(job.request.delivery_info.get("routing_key"))
            ages.setdefault(queue, []).append(round(now - job.since, 1))
    return ages

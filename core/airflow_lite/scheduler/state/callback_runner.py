"""Callbacks of DAG runs and of lost attempts: each in a process of its own, few at a time."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_lite.config import child_environment
from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.children import Child
from airflow_lite.processes.limits import is_shortage
from airflow_lite.processes.programs import NOT_BEGUN, Program
from airflow_lite.security.signing import KEY_VARIABLE
from airflow_lite.store import callbacks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)

#: So many callbacks run at once.
MOST = 4
#: Seconds until a callback is tried again that no process was left for; doubled to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 30.0


@dataclass
class _Running:
    child: Child
    deadline: float


class Callbacks:
    """Runs `callback_request` rows, each by a program `Program.CALLBACK`.

    At most `MOST` at a time, each for at most `timeout_s` seconds: then its process group is
    killed. What one leaves that ends by itself is left alone, as what a task leaves. A scheduler
    that is killed leaves them to their own end, which they record. `poll` is called whenever a
    child may have ended.
    """

    def __init__(self, config: Config, store: Store, clock: Clock, timeout_s: float) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._timeout_s = timeout_s
        self.subdir: str | None = None  # the file of the DAG, in place of that in the store
        self._waiting: deque[int] = deque()
        self._running: dict[int, _Running] = {}
        self._shortage = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S)
        self._outage = Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def add(self, request_ids: Iterable[int]) -> None:
        """Let these requests be run, in this order; one that is known is not run again."""
        known = {*self._waiting, *self._running}
        self._waiting.extend(one for one in dict.fromkeys(request_ids) if one not in known)

    def poll(self) -> None:
        """Take note of what ended, kill what takes too long, and start what waits."""
        for request_id, running in list(self._running.items()):
            self._look(request_id, running)
        while self._waiting and len(self._running) < MOST and not self._held_s:
            self._start(self._waiting.popleft())

    @property
    def _held_s(self) -> float:
        """How long nothing is started, since no callback could be begun."""
        now = self._clock.monotonic()
        return max(self._shortage.left_s(now), self._outage.left_s(now))

    def wait_s(self) -> float | None:
        """Return the seconds until there is something to do; None if nothing has to be done."""
        now = self._clock.monotonic()
        waits = [max(running.deadline - now, 0.0) for running in self._running.values()]
        if self._waiting and len(self._running) < MOST:
            waits.append(self._held_s)
        return min(waits, default=None)

    def kill(self) -> None:
        """Kill what runs; what waits is run by the next scheduler."""
        self._waiting.clear()
        for running in self._running.values():
            running.child.kill()  # what became of it is recorded
        self.poll()

    def _start(self, request_id: int) -> None:
        environ = child_environment(self._config)
        environ.pop(KEY_VARIABLE, None)  # not for what runs user code
        try:
            child = Child.start(self._command(request_id), environ=environ)
        except OSError as error:
            if is_shortage(error):
                self._wait(request_id, self._shortage, error)
            else:
                self._give_up(request_id, f"could not be started: {error}")
            return
        self._shortage.succeed()
        deadline = self._clock.monotonic() + self._timeout_s
        self._running[request_id] = _Running(child, deadline)

    def _command(self, request_id: int) -> list[str]:
        words = [str(request_id)] if self.subdir is None else [str(request_id), self.subdir]
        return Program.CALLBACK.command(*words)

    def _wait(self, request_id: int, backoff: Backoff, reason: object) -> None:
        self._waiting.appendleft(request_id)
        if not backoff.failures:
            logger.warning("callbacks wait, since none can be started now: %s", reason)
        backoff.fail(self._clock.monotonic())

    def _look(self, request_id: int, running: _Running) -> None:
        end = running.child.poll()
        if end is None and self._clock.monotonic() < running.deadline:
            return
        if end is None:
            running.child.kill()
            self._give_up(request_id, f"took longer than {self._timeout_s:g} s and was killed")
        elif end.code == NOT_BEGUN:
            self._wait(request_id, self._outage, "they cannot use the metadata database")
        elif end.code != 0:
            self._give_up(request_id, f"its process ended {end}")
        else:
            self._outage.succeed()
        del self._running[request_id]

    def _give_up(self, request_id: int, error: str) -> None:
        logger.error("callback %d: %s", request_id, error)
        with self._store.begin() as connection:
            callbacks.give_up(connection, request_id, self._clock.now_us(), error)

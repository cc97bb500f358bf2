"""The code inside a Dask worker: it hands attempts to the task host beside it, and waits.

No user code runs here. The task host is a process of its own that outlives the worker: if the
worker dies, it finishes and records its running attempts, and takes no new one.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin

from airflow_lite.executors import RunCommand
from airflow_lite.worker import AttemptLines
from airflow_lite_dask_executor.local_cluster import without_quiet
from airflow_lite_dask_executor.verdict import HANDED_BACK, NOT_CLAIMED, NotRunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Worker

    from airflow_lite.worker import TaskHost

#: The name of the plugin on every worker, and of the topic of its events.
NAME = "airflow-lite"
#: Seconds after which an attempt takes long: schedulers hear that it runs, and the attempts that
#: wait here are handed back.
LONG_S = 0.5
#: What distributed's nanny sets for all its workers; not meant for the user's tasks.
_NANNY_HASH_SEED = "6640"


class TaskHostPlugin(WorkerPlugin):
    """Keeps one task host beside the worker. All state belongs to the worker's event loop."""

    name = NAME
    #: A second scheduler of the same cluster finds the hosts there.
    idempotent = True

    def __init__(self) -> None:
        self._host: TaskHost | None = None
        self._address = ""
        self._worker: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: dict[str, list[_Lane]] = {}
        self._tasks: dict[str, str] = {}
        self.memory = AttemptLines()
        #: Why no attempt can be run here now; None: they can.
        self.fault: str | None = None
        #: The last fault in the worker's log: the same, or why a scheduler sends it no attempts.
        self.logged_fault: str | None = None

    def __reduce__(self) -> Any:
        """Travel to workers without any state."""
        return TaskHostPlugin, ()

    def setup(self, worker: Worker) -> None:
        """Start the task host."""
        from airflow_lite.config import Config
        from airflow_lite.worker import TaskHost

        self._worker, self._address = worker, worker.address
        self._loop = asyncio.get_running_loop()
        self._host = TaskHost(
            Config.load(worker_environ()),
            on_ended=lambda *outcome: self._call(self._ended, *outcome),
            on_running=lambda token: self._call(self._runs, token),
            on_trouble=lambda fault: self._call(self._in_trouble, fault),
            most_at_once=worker.state.nthreads,
        )
        self._host.start()

    def teardown(self, worker: Worker) -> None:
        """Let the host finish and record its running attempts by itself."""
        if self._host is not None:
            self._host.drain()
            self._host.detach()
            self._host = None

    async def run(self, commands: list[list[str]]) -> None:
        """Have attempts run; return when the outcomes of all are recorded.

        Raises `NotRunError` where some were not to be run here, once all the others are.
        """
        keys = [RunCommand.parse(command).key for command in commands]
        tokens = [key.attempt for key in keys]
        if self._host is None or self.fault is not None:
            fault = self.fault or "it is about to end"
            raise NotRunError(dict.fromkeys(tokens, fault), self._address, fault)
        lane = _Lane(tokens, asyncio.get_running_loop().create_future())
        for key, command in zip(keys, commands, strict=True):
            self.memory.note(key.attempt, f"handed to the task host of Dask worker {self._address}")
            self._lanes.setdefault(key.attempt, []).append(lane)
            self._tasks[key.attempt] = f"{key.dag_id}.{key.task_id}"
            self._host.run(command)
        await lane.over
        if lane.reasons:
            raise NotRunError(lane.reasons, self._address, self.fault)

    def stop(self, tokens: Iterable[str], grace_s: float | None) -> None:
        """Stop those attempts that are here."""
        for token in tokens:
            if self._host is not None and token in self._tasks:
                self.memory.note(token, "told to stop")
                self._host.cancel(token, grace_s)

    def running(self) -> list[str]:
        """Return the tasks that wait or run here."""
        return sorted(self._tasks.values())

    def _call(self, function: Any, *args: Any) -> None:
        """Call a function on the event loop, from the task host's thread."""
        assert self._loop is not None  # setup came first
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def _ended(self, token: str, was_claimed: bool) -> None:  # noqa: FBT001 - a callback
        self.memory.note(token, "ended; its outcome is recorded" if was_claimed else "not run here")
        self._tasks.pop(token, None)
        for lane in self._lanes.pop(token, ()):
            reason = None if was_claimed else self._reason_not_run(token, lane)
            is_told = lane.is_slow and len(lane.left) > 1
            if is_told:
                self._tell(ended={token: reason})
            lane.end(token, None if is_told else reason)

    def _reason_not_run(self, token: str, lane: _Lane) -> str:
        if self.fault is not None:
            return self.fault
        return HANDED_BACK if token in lane.released else NOT_CLAIMED

    def _in_trouble(self, fault: str | None) -> None:
        self.fault = fault
        self._tell(fault=fault)
        if fault is not None and self._host is not None:
            self._host.release(list(self._lanes))

    def _runs(self, token: str) -> None:
        self.memory.note(token, "running")
        asyncio.get_running_loop().call_later(LONG_S, self._takes_long, token)

    def _takes_long(self, token: str) -> None:
        if token in self._tasks:
            self._tell(running=[token])
            self._hand_back()

    def _hand_back(self) -> None:
        """Hand back the attempts that have not begun here and are not alone in their lane."""
        waiting: list[str] = []
        for lane in {lane for lanes in self._lanes.values() for lane in lanes}:
            if not lane.is_slow and not lane.is_single:
                lane.is_slow = True
                lane.released = set(lane.left)
                waiting += lane.left
        if waiting and self._host is not None:
            self._host.release(waiting)

    def _tell(self, **fields: Any) -> None:
        self._worker.log_event(NAME, {"worker": self._address, **fields})


class _Lane:
    """The attempts of one Dask task that have not ended, and why others were not run."""

    def __init__(self, tokens: list[str], over: asyncio.Future[None]) -> None:
        self.left = set(tokens)
        self.is_single = len(tokens) == 1
        self.over = over
        self.reasons: dict[str, str] = {}
        self.released: set[str] = set()
        self.is_slow = False  # each end is sent by itself

    def end(self, token: str, reason: str | None) -> None:
        """Record that an attempt has ended, or why it was not run if that was not sent yet."""
        self.left.discard(token)
        if reason is not None:
            self.reasons[token] = reason
        if not self.left and not self.over.done():
            self.over.set_result(None)


def worker_environ() -> dict[str, str]:
    """Return the worker's environment without the variables of Dask's processes alone."""
    environ = without_quiet(os.environ)
    if environ.get("PYTHONHASHSEED") == _NANNY_HASH_SEED:
        del environ["PYTHONHASHSEED"]
    return environ

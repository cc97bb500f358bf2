"""What runs inside a Dask worker: it hands attempts to the task host beside it, and waits.

No user code runs here. The task host is a process of its own that outlives the worker: if the
worker dies, it finishes and records what runs, and takes nothing new.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

from airflow_lite.executors import RunCommand

if TYPE_CHECKING:
    from distributed import Worker

    from airflow_lite.worker import TaskHost

#: The name of the plugin on every worker, and of the topic of its events.
NAME = "airflow-lite"
#: So many attempts are remembered, for `get_task_log`.
MOST_REMEMBERED = 2000
#: So late, in seconds, schedulers hear that an attempt runs: of a short one, not at all.
TELL_S = 0.5
#: What distributed's nanny sets for all its workers; not meant for the user's tasks.
_NANNY_HASH_SEED = "6640"


class NotClaimedError(RuntimeError):
    """The attempt was not this worker's to run: claimed before, or superseded."""


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
        self._waiting: dict[str, list[asyncio.Future[bool]]] = {}
        self._running: dict[str, str] = {}
        self._untold: list[str] = []
        self._remembered: OrderedDict[str, list[str]] = OrderedDict()

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
            Config.load(_environ()),
            on_ended=self._tell_ended,
            on_running=self._tell_running,
        )
        self._host.start()

    def teardown(self, worker: Worker) -> None:
        """Let the host finish and record what runs by itself."""
        if self._host is not None:
            self._host.drain()
            self._host.detach()
            self._host = None

    async def run(self, command: list[str]) -> None:
        """Have an attempt run; return when its outcome is recorded.

        Raises `NotClaimedError` where it was not to be run here.
        """
        key = RunCommand.parse(command).key
        if self._host is None:
            raise NotClaimedError(f"Dask worker {self._address} is about to end.")
        token = key.attempt
        self._note(token, f"handed to the task host of Dask worker {self._address}")
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(token, []).append(ended)
        self._running[token] = f"{key.dag_id}.{key.task_id}"
        self._host.run(command)
        if not await ended:
            raise NotClaimedError(
                f"Dask worker {self._address} did not run it: in the database that the worker "
                "sees, it is not queued under this attempt (any more)."
            )

    def stop(self, tokens: list[str], grace_s: float | None) -> None:
        """Stop those attempts that are here."""
        for token in tokens:
            if self._host is not None and token in self._running:
                self._note(token, "told to stop")
                self._host.cancel(token, grace_s)

    def lines_of(self, token: str) -> list[str]:
        """Return what this worker knows of an attempt."""
        return list(self._remembered.get(token, ()))

    def running(self) -> list[str]:
        """Return the tasks that wait or run here."""
        return sorted(self._running.values())

    def _tell_ended(self, token: str, was_claimed: bool) -> None:  # noqa: FBT001 - a callback
        """Pass the end of an attempt on to the event loop; called on the task host's thread."""
        self._call(self._ended, token, was_claimed)

    def _ended(self, token: str, was_claimed: bool) -> None:  # noqa: FBT001 - a callback
        self._note(token, "ended; its outcome is recorded" if was_claimed else "not claimed here")
        self._running.pop(token, None)
        for ended in self._waiting.pop(token, ()):
            if not ended.done():
                ended.set_result(was_claimed)

    def _tell_running(self, token: str) -> None:
        self._call(self._is_running, token)

    def _is_running(self, token: str) -> None:
        self._note(token, "running")
        if not self._untold:
            asyncio.get_running_loop().call_later(TELL_S, self._tell_of_running)
        self._untold.append(token)

    def _tell_of_running(self) -> None:
        untold, self._untold = self._untold, []
        running = [token for token in untold if token in self._running]
        if running:
            self._worker.log_event(NAME, {"running": running, "worker": self._address})

    def _call(self, function: Any, *args: Any) -> None:
        assert self._loop is not None  # setup came first
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def _note(self, token: str, what: str) -> None:
        from datetime import UTC, datetime

        line = f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {what}"
        self._remembered.setdefault(token, []).append(line)
        self._remembered.move_to_end(token)
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


def _environ() -> dict[str, str]:
    """Return the worker's environment without what only its nanny wants in it."""
    environ = dict(os.environ)
    if environ.get("PYTHONHASHSEED") == _NANNY_HASH_SEED:
        del environ["PYTHONHASHSEED"]
    return environ


# ---------------------------------------------------------------- what clients have workers call


async def run_attempt(words: str) -> None:
    """Run one attempt, as a Dask task; `words` is its run command as JSON.

    JSON, since Dask would take a word of a list for the key of another task.
    """
    plugin = get_worker().plugins.get(NAME)
    if not isinstance(plugin, TaskHostPlugin):
        raise NotClaimedError("This Dask worker has no task host: DaskExecutor starts it.")
    await plugin.run(json.loads(words))


async def stop_attempts(
    tokens: list[str], grace_s: float | None = None, *, dask_worker: Any
) -> None:
    """Stop those of these attempts that run on this worker."""
    plugin = dask_worker.plugins.get(NAME)
    if plugin is not None:
        plugin.stop(tokens, grace_s)


def lines_of_attempt(token: str, *, dask_worker: Any) -> list[str]:
    """Return what this worker knows of an attempt."""
    plugin = dask_worker.plugins.get(NAME)
    return plugin.lines_of(token) if plugin is not None else []


def running_attempts(*, dask_worker: Any) -> list[str]:
    """Return the tasks that wait or run on this worker."""
    plugin = dask_worker.plugins.get(NAME)
    return plugin.running() if plugin is not None else []


def look_around() -> dict[str, Any]:
    """Return what this worker's machine has installed and can see."""
    from importlib import metadata

    from airflow_lite.config import Config

    config = Config.load(_environ())
    folder = config.get("core", "dags_folder")
    return {
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "dags_folder": folder,
        "sees_dags_folder": os.path.isdir(folder),
        "database": database_of(config.get("database", "sql_alchemy_conn")),
        "sees_database": _sees(config.get("database", "sql_alchemy_conn")),
    }


#: What must be the same everywhere.
PACKAGES = ("airflow-lite", "airflow-lite-dask-executor", "distributed")


def database_of(url: str) -> str:
    """Return which database a URL names, without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest.rpartition('@')[2].partition('?')[0]}"


def _sees(url: str) -> bool:
    """Return whether the database is there, as far as a look without a driver can tell."""
    import socket
    from urllib.parse import urlsplit

    if url.startswith("sqlite"):
        return os.path.isfile(database_of(url).removeprefix("sqlite:///"))
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "localhost", parts.port or 5432), 3).close()
    except OSError:
        return False
    return True

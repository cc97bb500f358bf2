"""The functions that clients call on Dask workers."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from distributed import get_worker

from airflow_lite_dask_executor.store_file import StoreFile
from airflow_lite_dask_executor.verdict import NotRunError
from airflow_lite_dask_executor.worker import NAME, TaskHostPlugin, worker_environ

#: The packages whose versions must be the same everywhere.
PACKAGES = ("airflow-lite", "airflow-lite-dask-executor", "distributed")

logger = logging.getLogger(__name__)


async def run_attempts(words: str) -> None:
    """Run attempts, as one Dask task; `words` are their run commands as JSON.

    JSON, since Dask would take a word of a list for the key of another task.
    """
    commands = json.loads(words)
    plugin = _plugin(get_worker())
    if plugin is None:
        tokens = [command[command.index("--attempt") + 1] for command in commands]
        raise NotRunError(
            dict.fromkeys(tokens, "This Dask worker has no task host: DaskExecutor starts it.")
        )
    await plugin.run(commands)


async def stop_attempts(
    tokens: list[str], grace_s: float | None = None, *, dask_worker: Any
) -> None:
    """Stop those of these attempts that run on this worker."""
    plugin = _plugin(dask_worker)
    if plugin is not None:
        plugin.stop(tokens, grace_s)


def lines_of_attempt(token: str, *, dask_worker: Any) -> list[str]:
    """Return this worker's lines of an attempt."""
    plugin = _plugin(dask_worker)
    return plugin.memory.lines_of(token) if plugin is not None else []


def vet(store: StoreFile | None, *, dask_worker: Any) -> str | None:
    """Return why this worker can run nothing for a scheduler with that store; None: it can."""
    plugin = _plugin(dask_worker)
    fault = _fault(plugin, store)
    if plugin is not None and fault != plugin.logged_fault:
        plugin.logged_fault = fault
        logger.warning("This Dask worker gets %s", f"no tasks: {fault}" if fault else "tasks again")
    return fault


def _fault(plugin: TaskHostPlugin | None, store: StoreFile | None) -> str | None:
    if plugin is not None and plugin.fault is not None:
        return plugin.fault
    return None if store is None else StoreFile(*store).fault_of(_database_url())


def report(store: StoreFile | None, *, dask_worker: Any) -> tuple[str | None, list[str]]:
    """Return this worker's fault, as `vet` does, and the tasks that wait or run on it."""
    plugin = _plugin(dask_worker)
    return _fault(plugin, store), plugin.running() if plugin is not None else []


def look_around(store: StoreFile | None = None, *, dask_worker: Any = None) -> dict[str, Any]:
    """Return what this worker's machine has installed and can see, and the fault, as `vet` does."""
    from importlib import metadata

    from airflow_lite.config import Config

    config = Config.load(worker_environ())
    folder = config.get("core", "dags_folder")
    url = config.get("database", "sql_alchemy_conn")
    plugin = None if dask_worker is None else _plugin(dask_worker)
    return {
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "dags_folder": folder,
        "sees_dags_folder": os.path.isdir(folder),
        "database": database_of(url),
        "sees_database": _sees(url),
        "fault": _fault(plugin, store),
    }


def database_of(url: str) -> str:
    """Return which database a URL names, without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest.rpartition('@')[2].partition('?')[0]}"


def _plugin(worker: Any) -> TaskHostPlugin | None:
    plugin = worker.plugins.get(NAME)
    return plugin if isinstance(plugin, TaskHostPlugin) else None


def _database_url() -> str:
    from airflow_lite.config import Config

    return Config.load(worker_environ()).get("database", "sql_alchemy_conn")


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

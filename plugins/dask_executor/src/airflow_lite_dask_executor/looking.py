"""Looking at the cluster from outside of a running executor: each look has its own connection."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_lite_dask_executor.client import new_client, picture
from airflow_lite_dask_executor.settings import DaskSettings
from airflow_lite_dask_executor.store_file import StoreFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.executors import TaskInstance
    from airflow_lite_dask_executor.cluster import Cluster

#: Seconds that a look may take.
LOOK_S = 5.0


@contextmanager
def connected(settings: DaskSettings, timeout_s: float = LOOK_S) -> Iterator[Any]:
    """Give a client for the block; raise OSError if no scheduler answers in time."""
    timeout_s = min(timeout_s, settings.connect_timeout_s)
    client = new_client(settings._replace(connect_timeout_s=timeout_s), settings.address)
    try:
        yield client
    finally:
        client.close(timeout=timeout_s)


def worker_rows(config: Config) -> list[dict[str, Any]]:
    """Return what is known of each worker; raise UserError where there is no cluster to ask."""
    from airflow_lite.cli import UserError
    from airflow_lite_dask_executor.remote import report

    settings = DaskSettings.read(config)
    store = StoreFile.of(config.get("database", "sql_alchemy_conn"))
    if not settings.address:
        raise UserError(
            "[dask] cluster_address is empty: there is a cluster only while the scheduler runs. "
            "Set it, or export AIRFLOW_LITE__DASK__CLUSTER_ADDRESS."
        )
    try:
        with connected(settings) as client:
            workers = picture(client).workers
            reports = client.run(report, store, on_error="ignore")
    except OSError as error:
        raise UserError(
            f"No Dask scheduler answers at {settings.address} ({error}). Start it with "
            "`airflow-lite dask scheduler`, or mend [dask] cluster_address."
        ) from error
    nothing: tuple[str, list[str]] = ("does not answer", [])
    return [
        {
            "worker": worker.address,
            "name": worker.name,
            "threads": worker.threads,
            "queues": sorted(worker.resources),
            "memory_mb": worker.memory >> 20,
            "state": reports.get(worker.address, nothing)[0] or "ready",
            "running": len(reports.get(worker.address, nothing)[1]),
            "attempts": reports.get(worker.address, nothing)[1],
        }
        for worker in workers
    ]


def task_lines(config: Config, ti: TaskInstance) -> list[str]:
    """Return the lines that workers keep of an attempt; empty where they cannot be asked."""
    from airflow_lite_dask_executor.remote import lines_of_attempt

    settings = DaskSettings.read(config)
    if not settings.address or not ti.attempt:
        return []
    try:
        with connected(settings) as client:
            lines_by_worker = client.run(lines_of_attempt, ti.attempt, on_error="ignore")
    except OSError as error:
        return [f"The Dask cluster at {settings.address} cannot be asked: {error}"]
    return [
        f"{address}: {line}" for address, lines in sorted(lines_by_worker.items()) for line in lines
    ]


def workers_elsewhere(config: Config) -> list[str]:
    """Return the addresses of workers that are not on this machine.

    Empty where there can be none, or where the cluster does not answer: `start` raises then.
    """
    settings = DaskSettings.read(config)
    if settings.is_loopback:
        return []
    try:
        with connected(settings) as client:
            cluster = picture(client)
    except OSError:
        return []
    return elsewhere(cluster)


def elsewhere(cluster: Cluster) -> list[str]:
    """Return the addresses of the workers that are not on this machine."""
    return [worker.address for worker in cluster.workers if not is_here(worker.host)]


def is_here(host: str) -> bool:
    """Return whether this is an address of this machine: one can be bound only there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True

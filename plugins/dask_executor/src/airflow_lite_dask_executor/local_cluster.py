"""A whole cluster on this machine, for the life of one process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite_dask_executor.settings import security

if TYPE_CHECKING:
    from airflow_lite_dask_executor.settings import Tls

LOOPBACK = "127.0.0.1"
#: Distributed's settings that are ours for the processes that we start: the worker itself does
#: nothing but wait, and its tasks' processes are not to be given thread limits.
QUIET: dict[str, Any] = {
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.nanny.environ": {},
}


def local_cluster(
    workers: int,
    threads: int,
    tls: Tls | None,
    environ: dict[str, str],
    *,
    port: int = 0,
    queues: tuple[str, ...] = (),
) -> Any:
    """Start a cluster that listens on loopback alone; its workers get that environment."""
    import dask
    from distributed import LocalCluster

    logging.getLogger("distributed").setLevel(logging.WARNING)  # its chatter is not the user's
    with dask.config.set(QUIET):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=True,
            host=LOOPBACK,
            scheduler_port=port,
            protocol="tls" if tls else "tcp",
            security=security(tls),
            dashboard_address=f"{LOOPBACK}:0",
            scheduler_kwargs={"dashboard": False},
            worker_dashboard_address=None,
            memory_limit=0,
            resources=dict.fromkeys(queues, threads),
            env=environ,
        )

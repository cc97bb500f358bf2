"""A whole cluster on this machine, for the life of one process."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from airflow_lite_dask_executor.settings import security

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite_dask_executor.settings import Tls

LOOPBACK = "127.0.0.1"
#: The module that each worker runs when it starts.
PRELOAD = "airflow_lite_dask_executor.preload"
#: Distributed's settings that are ours for the processes that we start: the worker itself does
#: nothing but wait, its tasks' processes are not to be given thread limits, and an idle cluster is
#: to be idle.
QUIET: dict[str, Any] = {
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.nanny.environ": {},
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
}
#: The same for their logs, which are not for the user.
_LOG_LEVEL = ("DASK_LOGGING__DISTRIBUTED", "warning")


def be_quiet() -> None:
    """Let Dask's processes, this one too, log warnings alone, unless the user asked for more.

    To be called before distributed is imported.
    """
    name, level = _LOG_LEVEL
    os.environ.setdefault(name, level)


def without_quiet(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as it was before `be_quiet`."""
    name, level = _LOG_LEVEL
    return {key: value for key, value in environ.items() if (key, value) != (name, level)}


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

    logging.getLogger("distributed").setLevel(logging.WARNING)  # its lines are not for the user
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
            preload=[PRELOAD],
            resources=dict.fromkeys(queues, threads),
            env=environ,
        )

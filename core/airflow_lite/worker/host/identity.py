"""Who claims: this process, as the store knows it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.worker.settings import HostSettings


def supervisor(
    settings: HostSettings, kind: str, supervisor_id: str, job_id: int | None
) -> Supervisor:
    """Return this process as the one that claims."""
    from airflow_lite.processes.proc import process_space, process_start
    from airflow_lite.store.attempts import Supervisor

    pid = os.getpid()
    return Supervisor(
        supervisor_id, kind, settings.hostname, process_space(), pid, process_start(pid), job_id
    )

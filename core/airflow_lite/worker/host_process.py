"""`python -m airflow_lite.worker.host_process SUPERVISOR JOB FD [MOST]`: a task host."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.worker.host import Host
    from airflow_lite.worker.settings import HostSettings


def fork_base(*not_for_it: socket.socket) -> socket.socket:
    """Fork the base zygote; after threads or SQLAlchemy have come, execute it instead.

    `not_for_it` are sockets that it must not keep open.
    """
    from airflow_lite.worker import zygote

    ours, theirs = socket.socketpair()
    if "sqlalchemy" in sys.modules or threading.active_count() > 1:
        execute_base(theirs)
        return ours
    if os.fork() == 0:
        for end in (ours, *not_for_it):
            end.close()
        zygote.main(theirs)
    theirs.close()
    return ours


def execute_base(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a base zygote on this end of a channel in a fresh interpreter; close the end here."""
    with theirs:
        command = [sys.executable, "-P", "-m", "airflow_lite.worker.zygote", str(theirs.fileno())]
        return subprocess.Popen(command, pass_fds=[theirs.fileno()])


def supervisor(
    settings: HostSettings, kind: str, supervisor_id: str, job_id: int | None
) -> Supervisor:
    """Return this process as the one that claims."""
    from airflow_lite.processes.proc import boot_id, process_start
    from airflow_lite.store.attempts import Supervisor

    pid = os.getpid()
    return Supervisor(
        supervisor_id, kind, settings.hostname, boot_id(), pid, process_start(pid), job_id
    )


def make_host(
    config: Config,
    base: socket.socket,
    kind: str,
    name: str,
    job_id: int | None,
    most_at_once: int = sys.maxsize,
) -> Host:
    """Return a host on an open store, with the base zygote at the other end of `base`."""
    from airflow_lite.clock import SystemClock
    from airflow_lite.store.engine import open_store
    from airflow_lite.worker.host import Host
    from airflow_lite.worker.settings import HostSettings

    settings = HostSettings.read(config)
    who = supervisor(settings, kind, name, job_id)
    return Host(settings, open_store(config), who, base, SystemClock(), most_at_once)


def main(arguments: list[str]) -> int:
    """Be the host of the scheduler at the other end of the descriptor."""
    from airflow_lite.config import Config
    from airflow_lite.errors import UserError
    from airflow_lite.processes.channel import Channel

    name, job, fd, *most = arguments
    scheduler = socket.socket(fileno=int(fd))
    os.set_inheritable(scheduler.fileno(), False)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s task-host %(levelname)s %(message)s"
    )
    config = Config.load()
    base = fork_base(scheduler)
    try:
        host = make_host(config, base, "host", name, int(job) if job else None, *map(int, most))
    except UserError as error:
        logging.error("%s", error)  # noqa: LOG015 - this is the program
        Channel(scheduler).send({"trouble": f"its task host cannot start: {error}"})
        return 1
    host.stop_on_signals(config.getfloat("core", "killed_task_cleanup_time"))
    host.serve(scheduler)
    host.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

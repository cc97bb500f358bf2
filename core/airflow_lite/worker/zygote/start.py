"""Start the base zygote of a task host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from typing import NamedTuple

from airflow_lite.imports import uncollected
from airflow_lite.processes.limits import soft_limit
from airflow_lite.processes.programs import Program


class BaseZygote(NamedTuple):
    """Our end of the channel to a base zygote, and its process: a child of this one."""

    end: socket.socket
    pid: int
    soft_limit: int  # of descriptors: its own, and that of user code


def fork_base(*not_for_it: socket.socket, for_one: bool = False) -> BaseZygote:
    """Fork the base zygote; after threads or SQLAlchemy have come, execute it instead.

    `not_for_it` are sockets that it must not keep open. `for_one`: a single attempt is all that
    comes, for which nothing is made ready ahead.
    """
    with uncollected():
        from airflow_lite.worker.zygote import base

    limit = soft_limit()
    ours, theirs = socket.socketpair()
    if "sqlalchemy" in sys.modules or threading.active_count() > 1:
        return BaseZygote(ours, execute_base(theirs, limit).pid, limit)
    pid = os.fork()
    if pid == 0:
        for end in (ours, *not_for_it):
            end.close()
        base.main(theirs, for_one=for_one)
    theirs.close()
    return BaseZygote(ours, pid, limit)


def execute_base(theirs: socket.socket, limit: int) -> subprocess.Popen[bytes]:
    """Start a base zygote on this end of a channel in a fresh interpreter; close the end here.

    `limit` is how many descriptors it may have. Raises OSError where no process can be had; the
    end stays open then.
    """
    command = Program.BASE_ZYGOTE.command(str(theirs.fileno()), str(limit))
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    return process

"""Start the base zygote of a task host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

from airflow_lite.processes.programs import Program


def fork_base(*not_for_it: socket.socket) -> socket.socket:
    """Fork the base zygote; after threads or SQLAlchemy have come, execute it instead.

    `not_for_it` are sockets that it must not keep open.
    """
    from airflow_lite.worker.zygote import base

    ours, theirs = socket.socketpair()
    if "sqlalchemy" in sys.modules or threading.active_count() > 1:
        execute_base(theirs)
        return ours
    if os.fork() == 0:
        for end in (ours, *not_for_it):
            end.close()
        base.main(theirs)
    theirs.close()
    return ours


def execute_base(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a base zygote on this end of a channel in a fresh interpreter; close the end here."""
    with theirs:
        command = Program.BASE_ZYGOTE.command(str(theirs.fileno()))
        return subprocess.Popen(command, pass_fds=[theirs.fileno()])

"""The door for workers of plugins: a command on a worker's machine serves the logs there."""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.logs.serving.service import LogService

#: Seconds between two looks at a port that was taken: is it free now?
_POLL_S = 5.0


@contextmanager
def serve_logs(config: Config) -> Iterator[int | None]:
    """Serve the logs of this machine's tasks while the block runs, as `scheduler` does for its own.

    For the command that an executor has for workers' machines, so that `tasks logs` finds what
    ran there. Gives the port, or None where logs cannot be served, which is logged. Raises
    `ConfigError` for wrong options. A thread listens; the server is a process that is started by
    the first request.
    """
    from airflow_lite.logs.serving.service import LogService

    service = LogService(config)
    reader, writer = os.pipe()
    thread = threading.Thread(target=_serve, args=(service, reader), name="logs", daemon=True)
    service.start()
    thread.start()
    try:
        yield service.port
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)
        service.close()


def _serve(service: LogService, stop: int) -> None:
    waiting = select.poll()
    waiting.register(service.fileno(), select.POLLIN)
    waiting.register(stop, select.POLLIN)
    while stop not in dict(waiting.poll(_POLL_S * 1000)):
        service.poll()

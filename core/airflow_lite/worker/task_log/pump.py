"""Carries what the programs that a callback starts print into its log, with secrets masked.

Run as `python -m airflow_lite.worker.task_log.pump LIMIT_BYTES`: reads descriptor 0 to its end, and
writes to descriptor 1. A process of its own, since such a program may outlive the callback's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

from airflow_lite.processes.programs import Program
from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.worker.task_log.file import LogFile
from airflow_lite.worker.task_log.masked import Mask, MaskedBytes

_CHUNK = 1 << 16
#: What was printed is in the log so many seconds after the callback's end, or comes later.
_PATIENCE_S = 5.0


class MaskedOutput:
    """The descriptors 1 and 2 of this process, and of all it starts, as a log without secrets."""

    def __init__(self, log_fd: int, limit_bytes: int) -> None:
        reading, writing = os.pipe()
        self._pump = subprocess.Popen(
            Program.LOG_PUMP.command(str(limit_bytes)),
            stdin=reading,
            stdout=log_fd,
            start_new_session=True,  # what ends the callback does not end it
        )
        os.close(reading)
        for fd in (1, 2):
            os.dup2(writing, fd)
        os.close(writing)

    def close(self) -> None:
        """Write no more, and wait for what was written, unless somebody goes on."""
        null = os.open(os.devnull, os.O_WRONLY)
        for fd in (1, 2):
            os.dup2(null, fd)
        with suppress(subprocess.TimeoutExpired):
            self._pump.wait(_PATIENCE_S)


def main(arguments: list[str]) -> int:
    """Carry until the last writer is gone."""
    log, masked = LogFile(1, int(arguments[0])), MaskedBytes(Mask(secrets_masker().secrets))
    while data := os.read(0, _CHUNK):
        log.write(masked.feed(data))
    log.write(masked.finish())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

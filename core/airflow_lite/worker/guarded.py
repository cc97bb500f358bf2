"""A guard beside a process that runs tasks in itself, so that killing it leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_lite.authoring.operators.bash import GUARD_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM = os.path.join(os.path.dirname(__file__), "guard.py")


@contextmanager
def guarded() -> Iterator[None]:
    """Have what is started in this block ended by another process, should this one be killed."""
    if not hasattr(os, "pidfd_open"):  # it takes Linux
        yield
        return
    mark = uuid.uuid4().hex
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", _PROGRAM, str(os.getpid()), f"{GUARD_MARK}={mark}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # what is typed at the terminal is not for it
    )
    os.environ[GUARD_MARK] = mark
    try:
        yield
    finally:
        os.environ.pop(GUARD_MARK, None)
        guard.kill()
        guard.wait()

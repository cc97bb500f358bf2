"""A process that a task's code forked, and that came back out of it as if it were the task."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def exit_forked_copies() -> Iterator[None]:
    """End here each process that was forked within, as Python ends one; the task's goes on.

    Such a one shares the task's line to the host: it would report an outcome that is not its own.
    """
    own = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != own:
            _end(error)
        raise
    if os.getpid() != own:
        _end(None)


def _end(error: BaseException | None) -> NoReturn:
    code = 1
    with suppress(BaseException):
        code = _exit_code(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            getattr(stream, "finish", stream.flush)()
    os._exit(code)


def _exit_code(error: BaseException | None) -> int:
    """Return what a program that ended so exits with; what it would print is printed."""
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        return 1
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201 - as `sys.exit` does
    return 1

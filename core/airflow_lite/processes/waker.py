"""What the loop waits on: one selector for threads, the doorbell, signals and time."""

from __future__ import annotations

import math
import os
import selectors
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ALL = 4096


class Waker:
    """Waits for a wake-up from any thread, a readable descriptor, a signal, or a moment.

    `wake` may be called from any thread and from signal handlers.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._old_wakeup_fd: int | None = None

    def wake(self) -> None:
        """Make the wait that goes on, or the next one, return at once."""
        # A full pipe wakes as well; a closed one has nobody to wake.
        with suppress(BlockingIOError, OSError):
            os.write(self._writer, b"\0")

    def watch(self, descriptor: int, hear: Callable[[], bool] | None = None) -> None:
        """Wake also when `descriptor` is readable.

        With `hear`, that is called instead, by whoever waits: only where it returns True, the wait
        ends. So what comes often and is done at once costs no turn of a loop.
        """
        self._selector.register(descriptor, selectors.EVENT_READ, hear)

    def unwatch(self, descriptor: int) -> None:
        """Wake for `descriptor` no more; to be called before it is closed."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(descriptor)

    def wake_on_signals(self) -> None:
        """Wake also when a signal came that has a Python handler. Main thread only."""
        self._old_wakeup_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def wait(self, timeout_s: float | None) -> None:
        """Wait until something woke us, or for `timeout_s` seconds; None: however long."""
        end = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not self._is_woken(max(end - time.monotonic(), 0.0)):
            pass
        with suppress(BlockingIOError):
            while len(os.read(self._reader, _ALL)) == _ALL:
                pass

    def _is_woken(self, timeout_s: float) -> bool:
        """Wait once; return whether time is over or there is something to do for who waits."""
        events = self._selector.select(None if timeout_s == math.inf else timeout_s)
        wakes = [key.data is None or key.data() for key, _ in events]  # each of them is heard
        return not events or any(wakes)

    def close(self) -> None:
        """Stop waiting for good, and give the signals back."""
        if self._old_wakeup_fd is not None:
            signal.set_wakeup_fd(self._old_wakeup_fd)
            self._old_wakeup_fd = None
        self._selector.close()
        reader, writer, self._reader, self._writer = self._reader, self._writer, -1, -1
        os.close(reader)
        os.close(writer)

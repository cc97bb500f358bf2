"""What the loop waits on: one selector for threads, the doorbell, signals and time."""

from __future__ import annotations

import os
import selectors
import signal
from contextlib import suppress

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

    def watch(self, descriptor: int) -> None:
        """Wake also when `descriptor` is readable."""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def wake_on_signals(self) -> None:
        """Wake also when a signal came that has a Python handler. Main thread only."""
        self._old_wakeup_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def wait(self, timeout_s: float) -> None:
        """Wait until something woke us, or for `timeout_s` seconds."""
        self._selector.select(max(timeout_s, 0.0))
        with suppress(BlockingIOError):
            while len(os.read(self._reader, _ALL)) == _ALL:
                pass

    def close(self) -> None:
        """Stop waiting for good, and give the signals back."""
        if self._old_wakeup_fd is not None:
            signal.set_wakeup_fd(self._old_wakeup_fd)
            self._old_wakeup_fd = None
        self._selector.close()
        reader, writer, self._reader, self._writer = self._reader, self._writer, -1, -1
        os.close(reader)
        os.close(writer)

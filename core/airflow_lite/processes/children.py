"""Children that run strangers' code: under a deadline, ended with what they started, and with us.

Such a child leads a session and a process group of its own, may close its pipes, flood them, or
leave them to processes that outlive it.
"""

from __future__ import annotations

import math
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    import subprocess

#: A moment of the monotonic clock, in seconds; asked anew at each step of a wait.
Deadline = Callable[[], float]
#: By descriptor: called when there is something to read on it, until it returns False.
Readers = Mapping[int, Callable[[], bool]]

#: How often, in seconds, to look whether a child has gone, where the kernel cannot tell.
_LOOK_S = 0.02
#: So long, in seconds, a killed child may take to go; then it hangs in the kernel and is left.
_KILLED_S = 30.0
#: The longest single wait, in seconds: what is waited for may be years away.
_LONGEST_POLL_S = 3600.0
_LARGEST_READ = 1 << 20
_PR_SET_PDEATHSIG = 1
_SIGKILL = int(signal.SIGKILL)  # an enum's member is slow to pass to C


def within(seconds: float) -> Deadline:
    """Return a deadline that is so many seconds from now."""
    moment = time.monotonic() + seconds
    return lambda: moment


class Pipe:
    """The reading end of a pipe, and what has come through it, or the last `keep` bytes of that."""

    def __init__(self, descriptor: int, keep: int | None = None) -> None:
        self.descriptor = descriptor
        self.received = bytearray()
        self._keep = keep

    def read(self) -> bool:
        """Take what is there; False at the end of it."""
        data = os.read(self.descriptor, _LARGEST_READ)
        self.received += data
        if self._keep is not None:
            del self.received[: -self._keep]
        return bool(data)


def signal_name(number: int) -> str | None:
    """Return the name of a signal; None for one of the numbers that have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


class End(NamedTuple):
    """How a child ended: its exit code, below 0 a signal; `is_late`: we killed it in its time."""

    code: int
    is_late: bool = False

    def __str__(self) -> str:
        """Return it as a sentence goes on: "by SIGSEGV", or "with exit code 3"."""
        if self.code >= 0:
            return f"with exit code {self.code}"
        return f"by {signal_name(-self.code) or f'signal {-self.code}'}"


class Child:
    """A child of this process that leads a session of its own, and is reaped here alone.

    `Child(pid)` is one that was forked, and calls `os.setsid` by itself.
    """

    def __init__(self, pid: int, process: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._process = process
        self._code: int | None = None

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        stdin: IO[Any] | int | None = None,
        output: IO[Any] | int | None = None,
        errors: IO[Any] | int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """Start a command; raise OSError where no process can be had.

        Its input is empty, its `output` and `errors` go where ours go, if not told otherwise.
        """
        import subprocess  # here, since processes that fork take this module for its other half

        process = subprocess.Popen(
            command,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=output,
            stderr=errors,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        return cls(process.pid, process)

    def wait(self, deadline: Deadline) -> bool:
        """Wait for its end or the deadline; return whether it ended. It is not reaped by this."""
        return self._code is not None or self._wait(deadline, {})

    def run_out(self, deadline: Deadline, readers: Readers | None = None) -> End:
        """Wait for its end or the deadline, then kill whoever is left of its group.

        What it wrote is read to the end, but for what others hold back.
        """
        waiting = dict(readers or {})
        is_late = True
        try:
            is_late = not self._wait(deadline, waiting)
        finally:
            code = self.kill()
        _read(waiting, [], 0)  # what it left in the pipes, which is at most what they hold
        return End(code, is_late)

    def poll(self) -> End | None:
        """Return how it ended, None if it runs; what it started is left alone."""
        if self._code is None and self._has_ended():
            self._reap()
        return None if self._code is None else End(self._code)

    def kill(self) -> int:
        """Kill it with its group, whoever of it is left; return its exit code."""
        if self._code is None:
            for send in (os.killpg, os.kill):
                with suppress(ProcessLookupError, PermissionError):
                    send(self.pid, signal.SIGKILL)
            self._wait(within(_KILLED_S), {})
            self._reap()
        assert self._code is not None  # it was reaped
        return self._code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its group, if it is not over."""
        if self._code is None:  # else its number may be another's by now
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _wait(self, deadline: Deadline, waiting: dict[int, Callable[[], bool]]) -> bool:
        """Wait, without reaping; return whether it ended."""
        watch = _watch(self.pid)
        try:
            while not self._has_ended():
                left_s = deadline() - time.monotonic()
                if left_s <= 0:
                    return False
                _read(waiting, watch, left_s if watch else min(left_s, _LOOK_S))
            return True
        finally:
            for descriptor in watch:
                os.close(descriptor)

    def _has_ended(self) -> bool:
        """Return whether it is gone, without reaping it: its group keeps its number."""
        try:
            seen = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # we were started with SIGCHLD ignored: the kernel reaps
            return True
        return seen is not None

    def _reap(self) -> None:
        pid, status = 0, 0
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            self._code = 0  # nobody knows
        else:
            self._code = os.waitstatus_to_exitcode(status) if pid else -_SIGKILL
        if self._process is not None:
            self._process.returncode = self._code


def _watch(pid: int) -> list[int]:
    """Return what is readable when a process ends, where the system has it."""
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):
            return [os.pidfd_open(pid)]
    return []


def _read(waiting: dict[int, Callable[[], bool]], watch: list[int], timeout_s: float) -> None:
    poll = select.poll()
    for descriptor in (*waiting, *watch):
        poll.register(descriptor, select.POLLIN)
    for descriptor, _ in poll.poll(math.ceil(min(timeout_s, _LONGEST_POLL_S) * 1000)):
        if descriptor in waiting and not waiting[descriptor]():
            del waiting[descriptor]


class Finished(NamedTuple):
    """A command that ended or was ended, and what it printed."""

    end: End
    output: str
    errors: str


def run(
    command: Sequence[str], *, within_s: float, environ: Mapping[str, str] | None = None
) -> Finished:
    """Run a command to its end, or for `within_s`; it has no input.

    What it prints goes to files, which no process that it leaves can hold open.
    """
    import tempfile

    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = Child.start(command, environ=environ, output=output, errors=errors)
        end = child.run_out(within(within_s))
        return Finished(end, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


@cache
def prctl() -> Callable[[int, int], int]:
    """Return the system's `prctl`, or what does nothing where there is none.

    To be called before a fork: a child that has to look it up is a slower child.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        found: Callable[[int, int], int] = ctypes.CDLL(None).prctl
        return found
    return lambda _option, _value: 0


def die_with_parent(parent: int) -> None:
    """Be killed when `parent`, who forked or started this process, ends; also if it has ended.

    More exactly when its thread ends that did so: that one has to wait for this process.
    """
    prctl()(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

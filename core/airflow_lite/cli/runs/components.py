"""Several commands of this program side by side, their lines in one terminal, ended together."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple

from airflow_lite.config import child_environment
from airflow_lite.processes.children import Child, End

if TYPE_CHECKING:
    from airflow_lite.config import Config

_COLORS = {"scheduler": 34, "web": 32, "standalone": 37}
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds over the scheduler's own that all get to end, before they are killed.
_MORE_S = 30.0
#: Seconds that what a command left behind may hold up the last lines of its output.
_LAST_LINES_S = 1.0


class Component(NamedTuple):
    """One command: the name before its lines, and its words."""

    name: str
    words: tuple[str, ...]


class _Running(NamedTuple):
    child: Child
    output: threading.Thread


class Components:
    """Runs commands until one ends, or a signal asks all to; each has a session of its own.

    So Ctrl-C reaches this process alone, which passes it on as SIGTERM. A second one is passed on,
    too: a scheduler kills what its tasks run then.
    """

    def __init__(self, config: Config, components: list[Component]) -> None:
        self.all = components
        self._environ = {**child_environment(config), "PYTHONUNBUFFERED": "1"}
        self._grace_s = config.getfloat("scheduler", "shutdown_grace_s") + _MORE_S
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._running: dict[str, _Running] = {}
        self._stopping_since: float | None = None

    def run(self) -> int:
        """Run them to the end of all; return 0 if a signal asked for it and all ended well."""
        with self._signals():
            for component in self.all:
                self._start(component)
            is_well = True
            while self._running:
                is_well &= self._take_end()
        say("standalone", "Complete")
        return 0 if is_well else 1

    @contextmanager
    def _signals(self) -> Iterator[None]:
        ignored = signal.SIG_IGN  # as `nohup` has it
        heard = [number for number in _STOPPING if signal.getsignal(number) is not ignored]
        before = {number: signal.signal(number, self._hear) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, *_: object) -> None:
        """Pass the signal on: nothing else is safe to do in a handler."""
        self._stopping_since = self._stopping_since or time.monotonic()
        self._signal_all()
        self._ended.put("")  # whoever waits looks at the time

    def _signal_all(self) -> None:
        for running in list(self._running.values()):
            running.child.signal(signal.SIGTERM)

    def _start(self, component: Component) -> None:
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "airflow_lite", *component.words]
        try:
            child = Child.start(
                command, environ=self._environ, output=writing, errors=subprocess.STDOUT
            )
        finally:
            os.close(writing)
        lines = os.fdopen(reading, errors="replace")
        output = threading.Thread(target=_pass_on, args=(component.name, lines), daemon=True)
        output.start()
        self._running[component.name] = _Running(child, output)
        waiting = threading.Thread(target=self._wait, args=(component.name, child), daemon=True)
        waiting.start()
        if self._stopping_since is not None:  # it was not there yet when the signal came
            child.signal(signal.SIGTERM)

    def _wait(self, name: str, child: Child) -> None:
        child.wait(lambda: float("inf"))
        self._ended.put(name)

    def _take_end(self) -> bool:
        """Wait for the next end, and have the others follow; return whether it was a good one."""
        name = self._next()
        if name is None:
            for other, running in self._running.items():
                say("standalone", f"{other} takes too long to end, and is killed")
                running.child.kill()
            self._grace_s += _MORE_S  # they are gone: that is told in no time
            return False
        if not name:
            return True
        child, output = self._running.pop(name)
        output.join(_LAST_LINES_S)
        end = child.poll() or End(0)
        if self._stopping_since is not None:
            return end.code == 0
        say("standalone", f"{name} ended {end}: the others are asked to end, too")
        self._stopping_since = time.monotonic()
        self._signal_all()
        return False

    def _next(self) -> str | None:
        """Return what ended, "" after a signal; None if it is too late for that."""
        if self._stopping_since is None:
            return self._ended.get()
        left_s = self._stopping_since + self._grace_s - time.monotonic()
        try:
            return self._ended.get(timeout=max(left_s, 0.0))
        except queue.Empty:
            return None


def _pass_on(name: str, lines: IO[str]) -> None:
    with lines:
        for line in lines:
            with suppress(OSError):  # the terminal is gone: nobody reads, and all are to end
                say(name, line.rstrip())


def say(name: str, line: str) -> None:
    """Print a line with the name of whose it is, in colour on a terminal."""
    shown = f"{name:10}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        shown = f"\x1b[{_COLORS.get(name, 37)}m{shown}\x1b[0m"
    sys.stdout.write(f"{shown} | {line}\n")
    sys.stdout.flush()

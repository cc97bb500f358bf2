"""Importing plugins in a process of their own, which they may crash, hang or flood."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airflow_lite.parsing.authoring_hooks import AuthoringHook
from airflow_lite.plugins.discovery.targets import Target
from airflow_lite.plugins.probing.verdict import Verdict
from airflow_lite.processes.children import Child, Pipe
from airflow_lite.processes.lines import LineBuffer, to_line
from airflow_lite.processes.programs import Program

#: Seconds from the start of the process to its first word, on a machine that is busy.
START_DEADLINE_S = 30.0
_MOST_OUTPUT = 2000
_CHILD = (
    "import json, sys; request = json.load(sys.stdin); sys.path[:] = request['path'];"
    f"from {Program.PROBE_CHILD} import main; main(request)"
)


class ProbeOutput(NamedTuple):
    """What the child said, how it ended, and what it printed first."""

    messages: list[dict[str, Any]]
    ended: str
    output: str
    is_timeout: bool


def probe(
    targets: Sequence[Target], *, timeout_s: float, hooks: Sequence[AuthoringHook] = ()
) -> list[Verdict]:
    """Import the targets in one child process, in order; return what became of each.

    Each may take `timeout_s`. After one that ends the child, the others get a child of their own.
    `hooks` are called before: executors that are given by module path may be Airflow's.
    """
    found: list[Verdict] = []
    while len(found) < len(targets):
        asked = targets[len(found) :]
        answer = ask({"targets": asked, "hooks": hooks}, timeout_s=timeout_s)
        said = [message["verdict"] for message in answer.messages if "verdict" in message]
        found += [Verdict.from_json(fields) for fields in said]
        if len(said) < len(asked):
            found.append(_ended_by(asked[len(said)], answer, timeout_s))
    return found


def _ended_by(target: Target, answer: ProbeOutput, timeout_s: float) -> Verdict:
    begun = [message["file"] for message in answer.messages if "file" in message]
    ended = f"took longer than {timeout_s:g} s" if answer.is_timeout else answer.ended
    return Verdict(
        *target,
        error=f"importing {target.value!r} {ended}",
        file=begun[-1] if begun else "",
        is_timeout=answer.is_timeout,
        is_fatal=True,
        output=answer.output,
    )


def ask(
    request: Mapping[str, Any], *, timeout_s: float, environ: Mapping[str, str] | None = None
) -> ProbeOutput:
    """Run the child on a request; `timeout_s` is what it may take for each thing asked.

    The process group of the child is killed at the end, whatever it left behind.
    """
    reading, writing = os.pipe()
    said = _Messages(reading, timeout_s)
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as printed:
        own = {"fd": writing, "path": sys.path, "parent": os.getpid()}
        asked.write(to_line({**request, **own}))
        asked.seek(0)
        try:
            with open(writing, "wb"):
                child = Child.start(
                    [sys.executable, "-P", "-c", _CHILD],
                    environ=environ,
                    stdin=asked,
                    output=printed,
                    errors=printed,
                    pass_fds=[writing],
                )
            end = child.run_out(lambda: said.deadline, {reading: said.read})
        finally:
            os.close(reading)
        printed.seek(0)
        output = printed.read(_MOST_OUTPUT).decode(errors="replace").strip()
    is_timeout = end.is_late and not said.is_done
    return ProbeOutput(said.messages, f"ended the process {end}", output, is_timeout)


class _Messages:
    """What the child says, in lines of JSON: after each it may go on for `timeout_s`."""

    def __init__(self, descriptor: int, timeout_s: float) -> None:
        self._pipe = Pipe(descriptor)
        self._lines = LineBuffer()
        self._timeout_s = timeout_s
        self.deadline = time.monotonic() + START_DEADLINE_S
        self.messages: list[dict[str, Any]] = []

    @property
    def is_done(self) -> bool:
        return bool(self.messages) and "done" in self.messages[-1]

    def read(self) -> bool:
        goes_on = self._pipe.read()
        self._lines.add(bytes(self._pipe.received))
        self._pipe.received.clear()
        lines = self._lines.take_lines()
        self.messages += [found for line in lines if (found := _object(line)) is not None]
        if lines:
            self.deadline = 0.0 if self.is_done else time.monotonic() + self._timeout_s
        return goes_on


def _object(line: bytes | bytearray) -> dict[str, Any] | None:
    """Return what a line says; None if it is none of ours: a plugin may write into any pipe."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

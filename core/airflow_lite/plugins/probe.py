"""Importing plugins in a process of their own, which they may crash, hang or flood."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.plugins.verdict import Target, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds from the start of the process to its first word, on a machine that is busy.
START_DEADLINE_S = 30.0
#: How often, in seconds, to look whether a process has gone whose pipe something else holds open.
_LOOK_S = 0.1
#: How long, in seconds, a process may take to end once it has closed its pipe.
_END_S = 5.0
_MOST_OUTPUT = 2000
_CHILD = (
    "import json, sys; request = json.load(sys.stdin); sys.path[:] = request['path'];"
    "from airflow_lite.cli.probe_child import main; main(request)"
)


class Answer(NamedTuple):
    """What the child said, how it ended, and what it printed last."""

    messages: list[dict[str, Any]]
    ended: str
    output: str
    is_timeout: bool


def probe(targets: Sequence[Target], *, timeout_s: float) -> list[Verdict]:
    """Import the targets in one child process, in order; return what became of each.

    Each may take `timeout_s`. After one that ends the child, the others get a child of their own.
    """
    found: list[Verdict] = []
    while len(found) < len(targets):
        asked = targets[len(found) :]
        answer = ask({"targets": asked}, timeout_s=timeout_s)
        said = [message["verdict"] for message in answer.messages if "verdict" in message]
        found += [Verdict.from_json(fields) for fields in said]
        if len(said) < len(asked):
            found.append(_ended_by(asked[len(said)], answer, timeout_s))
    return found


def _ended_by(target: Target, answer: Answer, timeout_s: float) -> Verdict:
    begun = [message["file"] for message in answer.messages if "file" in message]
    error = f"importing {target.value!r} {answer.ended}"
    if answer.is_timeout:
        error = f"importing {target.value!r} took longer than {timeout_s:g} s"
    return Verdict(
        *target,
        error=error,
        file=begun[-1] if begun else "",
        is_timeout=answer.is_timeout,
        is_fatal=True,
        output=answer.output,
    )


def ask(
    request: Mapping[str, Any], *, timeout_s: float, environ: Mapping[str, str] | None = None
) -> Answer:
    """Run the child on a request; `timeout_s` is what it may take for each thing asked.

    The process group of the child is killed at the end, whatever it left behind.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as printed:
        asked.write(json.dumps({**request, "fd": writing, "path": sys.path}).encode())
        asked.seek(0)
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", _CHILD],
                stdin=asked,
                stdout=printed,
                stderr=printed,
                env=None if environ is None else {**environ},
                pass_fds=[writing],
                start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            messages, is_timeout = _listen(child, reading, timeout_s)
        finally:
            os.close(reading)
            is_alive = not _has_ended(child)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
        printed.seek(0)
        output = printed.read(_MOST_OUTPUT).decode(errors="replace").strip()
    return Answer(messages, _ended(code, is_alive=is_alive), output, is_timeout)


def _listen(
    child: subprocess.Popen[bytes], reading: int, timeout_s: float
) -> tuple[list[dict[str, Any]], bool]:
    """Return the child's messages, and whether it was silent for too long."""
    messages: list[dict[str, Any]] = []
    pending = b""
    deadline = time.monotonic() + START_DEADLINE_S
    while (left_s := deadline - time.monotonic()) > 0:
        if not select.select([reading], [], [], min(left_s, _LOOK_S))[0]:
            if _has_ended(child) and not select.select([reading], [], [], 0)[0]:
                return messages, False
            continue
        chunk = os.read(reading, 65_536)
        if not chunk:
            _let_end(child)
            return messages, False
        *lines, pending = (pending + chunk).split(b"\n")
        messages += [json.loads(line) for line in lines]
        if messages and "done" in messages[-1]:
            return messages, False
        if lines:
            deadline = time.monotonic() + timeout_s
    return messages, True


def _let_end(child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _END_S
    while not _has_ended(child) and time.monotonic() < deadline:
        time.sleep(0.01)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Return whether the child is gone, without reaping it: its group keeps its number."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, child.pid, flags) is not None


def _ended(code: int, *, is_alive: bool) -> str:
    if is_alive:
        return "closed the way back to us"
    if code < 0:
        return f"ended the process by {signal.Signals(-code).name}"
    return f"ended the process with exit code {code}"

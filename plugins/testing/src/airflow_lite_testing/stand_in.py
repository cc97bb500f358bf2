"""What an attempt of the kit does, be it run as a command or as a task of the kit's DAG.

Run as a program it stands in for `airflow-lite`: `python stand_in.py FOLDER WORDS…`, the words
being those after the program's name. Standard library alone, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

#: Longest wait for a gate, in seconds: nothing of the kit outlives it for long.
LONGEST_S = 180.0
_POLL_S = 0.01


def act(folder: str, token: str, *, by: str, words: list[str]) -> int:
    """Note the start, wait for the attempt's gate if it has one, note the end; return the code.

    `by` is "command" or "task". A code below 0 is the signal that kills this process.
    """
    plan = _plan(folder, token)
    note = {"by": by, "pid": os.getpid(), "ppid": os.getppid(), "words": words, "at": _now()}
    _write(folder, "starts", token, note)
    if plan["waits"]:
        _wait(folder, token)
    code: int = plan["exit_code"]
    _write(folder, "ends", token, {"exit_code": code, "at": _now()})
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


def _plan(folder: str, token: str) -> dict[str, Any]:
    with open(os.path.join(folder, "plans", token), encoding="utf-8") as file:
        plan: dict[str, Any] = json.load(file)
    return plan


def _now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _write(folder: str, kind: str, token: str, note: dict[str, Any]) -> None:
    """Write a note whole: who reads the folder sees all of it or nothing."""
    name = f"{token}.{os.getpid()}.{time.monotonic_ns()}"
    hidden = os.path.join(folder, kind, f".{name}")
    with open(hidden, "w", encoding="utf-8") as file:
        json.dump(note, file)
    os.replace(hidden, os.path.join(folder, kind, name))


def _wait(folder: str, token: str) -> None:
    gates, until = os.path.join(folder, "gates"), _now() + LONGEST_S
    while os.path.isdir(gates) and _now() < until:
        if os.path.exists(os.path.join(gates, token)):
            return
        time.sleep(_POLL_S)


def main(argv: list[str]) -> int:
    """Run as the stand-in: `argv` is the folder, then the words of the command."""
    folder, words = argv[0], argv[1:]
    if words[:2] != ["tasks", "run"] or "--attempt" not in words:
        sys.stderr.write(f"airflow-lite (the kit's stand-in): no command {words!r}\n")
        return 2
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    token = words[words.index("--attempt") + 1]
    pickle_id = _plan(folder, token).get("pickle_id")
    if pickle_id is not None and words[-2:] != ["--pickle", str(pickle_id)]:
        sys.stderr.write(f"airflow-lite (the kit's stand-in): no DAG file for {words!r}\n")
        return 1
    return act(folder, token, by="command", words=words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

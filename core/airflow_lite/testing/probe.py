"""What importing an executor costs and does, seen from a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

DEADLINE_S = 30.0
_CHILD = """
import importlib, json, os, sys, threading, time
import airflow_lite
module, name, then, report = sys.argv[1:]
before = set(sys.modules)
threads = threading.active_count()
began = time.perf_counter()
found = importlib.import_module(module)
for part in name.split("."):
    found = getattr(found, part)
took = time.perf_counter() - began
if then:
    getattr(found, then)()
children = []
for entry in os.listdir("/proc"):
    try:
        with open(f"/proc/{entry}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                children.append(int(entry))
    except (OSError, ValueError):
        continue
with open(report, "w") as file:
    json.dump({
        "seconds": took,
        "modules": sorted(set(sys.modules) - before),
        "threads": [str(t.name) for t in threading.enumerate()][threads:],
        "children": len(children),
    }, file)
    file.flush()
os._exit(0)
"""


class Import(NamedTuple):
    """What one import did: `seconds` beyond `import airflow_lite`, and what it left."""

    seconds: float
    modules: list[str]
    threads: list[str]
    children: int
    output: str


def probe_import(path: str, then: str = "") -> Import:
    """Import `module:Class` in a fresh interpreter, and call its static method `then` if given.

    Raises `AssertionError` if the interpreter dies of it or takes longer than `DEADLINE_S`.
    """
    module, _, name = path.partition(":")
    with tempfile.TemporaryDirectory(prefix="airflow-lite-kit-") as folder:
        report = os.path.join(folder, "report")
        output = _run([module, name, then, report])
        try:
            with open(report, encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
        except OSError:
            raise AssertionError(f"importing {path} ended the interpreter: {output}") from None
    return Import(**found, output=output)


def _run(arguments: list[str]) -> str:
    """Run the child; its output goes to a file, so that a process it left cannot hold us up."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            child.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the import took longer than {DEADLINE_S:g} s") from None
        finally:
            _kill_group(child)
        output.seek(0)
        return output.read().decode(errors="replace")


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    import signal
    from contextlib import suppress

    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()

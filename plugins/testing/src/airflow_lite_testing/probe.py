"""What importing an executor costs and does, seen from a process of its own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any, NamedTuple

from airflow_lite.processes.children import run

DEADLINE_S = 60.0
#: Wall time, less the time that the thread was ready and found no CPU, where Linux tells it.
_SPENT_S = """
import time
def spent_s():
    try:
        with open("/proc/self/schedstat") as file:
            waited_ns = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        waited_ns = 0
    return time.perf_counter() - waited_ns / 1e9
"""
_CHILD = """
import importlib, json, os, sys, threading
import airflow_lite
module, name, then, report = sys.argv[1:]
before = set(sys.modules)
threads = threading.active_count()
began = spent_s()
target = importlib.import_module(module)
for part in name.split(".") if name else ():
    target = getattr(target, part)
took = spent_s() - began
if then:
    getattr(target, then)()
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
    """What one import did: `seconds` beyond `import airflow_lite`, and what it left.

    Time spent waiting for a CPU is left out where the system tells it (Linux).
    """

    seconds: float
    modules: list[str]
    threads: list[str]
    children: int
    output: str


def probe_import(path: str, then: str = "", *, bytecode: str = "") -> Import:
    """Import `module:Class` or a module in a fresh interpreter, and call its `then` if given.

    Compiled code is kept in the folder `bytecode` if one is given. Raises `AssertionError` if the
    interpreter dies of it or takes longer than `DEADLINE_S`.
    """
    module, _, name = path.partition(":")
    with tempfile.TemporaryDirectory(prefix="airflow-lite-kit-") as folder:
        report = os.path.join(folder, "report")
        output = _run(["-c", _SPENT_S + _CHILD, module, name, then, report], bytecode)
        try:
            with open(report, encoding="utf-8") as file:
                fields: dict[str, Any] = json.load(file)
        except OSError:
            raise AssertionError(f"importing {path} ended the interpreter: {output}") from None
    return Import(**fields, output=output)


def _run(arguments: list[str], bytecode: str) -> str:
    """Run the child; return what it printed."""
    command = [sys.executable, *arguments]
    done = run(command, within_s=DEADLINE_S, environ=_environ(bytecode))
    if done.end.is_late:
        raise AssertionError(f"the import took longer than {DEADLINE_S:g} s")
    return done.output + done.errors


def _environ(bytecode: str) -> dict[str, str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if bytecode:
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environ["PYTHONPYCACHEPREFIX"] = bytecode
    return environ

"""The work of the raw side of a benchmark of an executor: one forked process for one task.

Each Dask or Celery worker has a helper beside it, a process that has parsed the DAG file once, as a
zygote has. A call of `run` asks the helper for a fork over a Unix socket. The child is the one that a task
host would have: `airflow_lite.worker.task.child.run_attempt`, so it leaves its group, opens a log of its
own, builds the context, renders the fields, runs `execute`, and reports the fields and its outcome
over the socket. The call waits until the child has ended, checks that it reported success, and
returns that. What is not done is to schedule, claim and record it in a database.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

#: The DAG run that the child is told of.
RUN = {
    "id": 1,
    "dag_id": "bench",
    "run_id": "raw",
    "run_type": "manual",
    "state": "running",
    "conf": {},
    "external_trigger": True,
    "clear_number": 0,
    "logical_us": 0,
    "interval_start_us": 0,
    "interval_end_us": 0,
    "queued_us": 0,
    "start_us": 0,
    "end_us": None,
}

_lock = threading.Lock()
_helpers: dict[str, str] = {}


def run(number, path):
    """Have task `number` of the DAG file run by a fork of the helper; return its state."""
    from airflow_lite.processes.lines import to_line
    from airflow_lite.processes.packing import packed, unpacked
    from airflow_lite.worker.messages import FROM_CHILD, Begin, ReportOutcome, SaveRendered

    with socket.socket(socket.AF_UNIX) as line:
        line.connect(_helper_of(path))
        line.sendall(f"{number}\n".encode() + to_line(packed(Begin(time.monotonic()))))
        said = b""
        while data := line.recv(1 << 16):
            said += data
    messages = [unpacked(json.loads(line), FROM_CHILD) for line in said.splitlines()]
    states = [each.outcome.state for each in messages if isinstance(each, ReportOutcome)]
    if states != ["success"] or not isinstance(messages[0], SaveRendered):
        raise RuntimeError(f"task {number} reported {messages}")
    return states[0]


def _helper_of(path):
    """Return the address of this worker's helper for a DAG file, which is started if need be."""
    with _lock:
        if path not in _helpers:
            home = os.path.dirname(os.path.dirname(path))
            address = os.path.join(tempfile.mkdtemp(prefix="raw-", dir=home), "socket")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(address)
                listener.listen(64)
                fd = listener.fileno()
                command = [sys.executable, __file__, path, str(fd)]
                subprocess.Popen(command, pass_fds=[fd], stdin=subprocess.PIPE)
            _helpers[path] = address
        return _helpers[path]


def _serve(path, listener):
    """Fork for whoever asks, until the worker's end of the standard input closes."""
    from airflow_lite.parsing.load import load_file
    from airflow_lite.worker.task.child import TaskOutput
    from airflow_lite.worker.task.sentry import Reporter
    from airflow_lite.worker.zygote import base

    base._import()
    base._warm_up()
    dag = load_file(path)[0]
    made = TaskOutput(), Reporter(None)
    signal.signal(signal.SIGCHLD, _reap)
    gc.collect()
    gc.freeze()
    folder = os.path.dirname(listener.getsockname())
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        line, _ = listener.accept()
        task_id = f"t{_number(line)}"
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _be_child(dag, task_id, path, line, folder, made)
        line.close()


def _number(line):
    """Read the first line that was sent, and nothing of what is for the child."""
    digits = b""
    while (digit := line.recv(1)) not in {b"", b"\n"}:
        digits += digit
    return int(digits)


def _reap(*_):
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _be_child(dag, task_id, path, line, folder, made):
    from airflow_lite.worker.messages import AttemptRequest
    from airflow_lite.worker.task.child import become_child, run_attempt, write_to

    log = os.path.join(folder, f"{task_id}.log")
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    become_child()
    write_to(os.dup(fd))
    request = AttemptRequest((dag.dag_id, task_id, "raw", 1, -1, "raw"), RUN)
    output, reporter = made
    run_attempt(request, dag.task_dict[task_id], line, fd, output, reporter, time.monotonic())


if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))

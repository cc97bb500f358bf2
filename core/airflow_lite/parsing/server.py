"""The parse server: a process that forks a child for each DAG file and outlives what it does.

Run as `python -m airflow_lite.parsing.server DESCRIPTOR OPTIONS` by `parsing.pool`: the
descriptor is a socket, the options JSON. Reads one path a line; answers each with a line of JSON,
the verdict with the size of what follows it, and then the child's own bytes. Before that it may ask
for Variables and Connections: see `parsing.secrets`. Ends when the socket closes.
Importing the authoring modules once and forking costs a file 3 ms, an interpreter 100.
"""

from __future__ import annotations

import faulthandler
import json
import os
import socket
import sys
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import NoReturn

from airflow_lite.authoring.secrets.search import locate_backend, search
from airflow_lite.parsing import file as dag_file
from airflow_lite.parsing.authoring_hooks import call_hooks
from airflow_lite.parsing.errors import RAISE_TIMEOUT, frames_of_dump
from airflow_lite.parsing.file import Options
from airflow_lite.parsing.load import preload
from airflow_lite.parsing.secrets import Control, FileSecrets, Relay, asker
from airflow_lite.processes import children
from airflow_lite.processes.children import Child, End, Pipe
from airflow_lite.processes.limits import is_shortage
from airflow_lite.processes.lines import to_line, write_all
from airflow_lite.secrets_masker import secrets_masker

LARGEST_RESULT = 256 * 1024 * 1024
_KEPT_OUTPUT = 64 * 1024
#: Seconds between two tries to fork where the system has no process left.
_SHORTAGE_S = 0.2


def main(arguments: list[str]) -> None:
    """Serve the socket whose descriptor is the first argument."""
    control = socket.socket(fileno=int(arguments[0]))
    options = Options(**json.loads(arguments[1]))
    # Python takes bytecode for fresh if its module was edited within the second.
    sys.dont_write_bytecode = True
    with suppress(Exception):  # a fault there is the error of each file that it concerns
        import_authoring()
        call_hooks(options.authoring)
        children.prctl()
        if options.max_pickle_bytes:
            import cloudpickle  # noqa: F401 - once for all files
    orders = Control(control)
    # Whoever asked may go at any time: then there is nobody to tell.
    with control, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            _serve(orders, orders.next_path(), options)


def import_authoring() -> None:
    """Import what most DAG files take, once for all of them."""
    import airflow_lite.authoring.connection
    import airflow_lite.authoring.variable  # noqa: F401
    from airflow_lite.authoring.dag import DAG
    from airflow_lite.authoring.decorators import task  # noqa: F401
    from airflow_lite.authoring.operators import bash, branch, python, sensor  # noqa: F401
    from airflow_lite.authoring.operators.empty import EmptyOperator
    from airflow_lite.parsing.load import load_file
    from airflow_lite.parsing.serialize import dag_spec

    secrets_masker()
    locate_backend()
    load_file(os.devnull, dags_folder=os.devnull)
    # What is imported only when it is needed, is needed to make and to write a DAG.
    sample = DAG("sample", schedule="@daily", start_date=datetime(2024, 1, 1, tzinfo=UTC))
    EmptyOperator(task_id="sample", dag=sample)
    dag_spec(sample)


def _serve(control: Control, path: str, options: Options) -> None:
    started = time.monotonic()
    preload(path)
    verdict, result = _parsed(control, path, options)
    header = {
        "error": verdict,
        "size": len(result),
        "duration_us": round((time.monotonic() - started) * 1_000_000),
    }
    control.socket.sendall(to_line(header) + result)


def _parsed(control: Control, path: str, options: Options) -> tuple[str | None, bytes]:
    """Have a fork parse the file; return what was wrong, if anything, and its result."""
    try:
        child, result, output, line = _fork_in_time(control, path, options)
    except OSError as raised:
        return f"The file cannot be parsed now: no process could be started for it: {raised}", b""
    deadline = children.within(options.timeout_s)
    readers = {
        result.descriptor: result.read,
        output.descriptor: output.read,
        **Relay(control, line, child.pid).readers(),
    }
    try:
        end = child.run_out(
            lambda: deadline() if len(result.received) <= LARGEST_RESULT else 0.0, readers
        )
    finally:
        os.close(result.descriptor)
        os.close(output.descriptor)
        line.close()
    if end.is_late and len(result.received) > LARGEST_RESULT:
        return f"The file's DAGs take more than {LARGEST_RESULT >> 20} MB as JSON. Split it.", b""
    error = _verdict(end, result.received, options.timeout_s)
    if error is None:
        return None, bytes(result.received)
    return "\n".join([error, *frames_of_dump(output.received.decode("utf-8", "replace"))]), b""


def _verdict(end: End, result: bytearray, timeout_s: float) -> str | None:
    if end.is_late:
        return f"The file was not imported within {timeout_s:g} s. {RAISE_TIMEOUT}"
    if end.code == 0 and result.endswith(b"\n"):
        return None
    guess = "" if end.code < 0 else " (os._exit?), or closed what is not its own"
    return f"The file ended its process {end} when it was imported{guess}."


def _fork_in_time(
    control: Control, path: str, options: Options
) -> tuple[Child, Pipe, Pipe, socket.socket]:
    """Fork, once there is a process for it, in the file's time: it is not the file's fault."""
    deadline = time.monotonic() + options.timeout_s
    while True:
        try:
            return _fork(control, path, options)
        except OSError as error:
            if not is_shortage(error) or time.monotonic() > deadline:
                raise
        time.sleep(_SHORTAGE_S)


def _fork(control: Control, path: str, options: Options) -> tuple[Child, Pipe, Pipe, socket.socket]:
    """Return the child, the pipes of its result and of all that it prints, and its questions'."""
    parent = os.getpid()
    with ExitStack() as undo:
        result, result_end, output, output_end = _pipes(undo)
        ours, theirs = socket.socketpair()
        undo.callback(ours.close)
        undo.callback(theirs.close)
        pid = os.fork()
        undo.pop_all()
    if pid == 0:
        for descriptor in (control.socket.fileno(), result, output, ours.fileno()):
            os.close(descriptor)
        _child_main(path, options, parent, result_end, output_end, theirs)
    for descriptor in (result_end, output_end):
        os.close(descriptor)
    theirs.close()
    return Child(pid), Pipe(result), Pipe(output, keep=_KEPT_OUTPUT), ours


def _pipes(undo: ExitStack) -> list[int]:
    """Return the ends of two pipes, closed again if no process comes of them."""
    ends: list[int] = []
    for _ in range(2):
        pair = os.pipe()
        ends += pair
        for end in pair:
            undo.callback(os.close, end)
    return ends


def _child_main(
    path: str, options: Options, parent: int, result: int, output: int, line: socket.socket
) -> NoReturn:
    """Be the child: parse, report, end without running anything that the file left behind."""
    # The file may put something else in their place.
    leave, write, dump = os._exit, write_all, json.dumps
    code = 70
    try:
        os.setsid()
        children.die_with_parent(parent)
        _confine(options, output)
        search().store = FileSecrets(asker(line, options.timeout_s))
        found = dag_file.parse(path, options)
        _free_reserve()
        report = dump(found).encode() + b"\n"  # `to_line` would take what the file left of json
        faulthandler.cancel_dump_traceback_later()
        write(result, report)
        code = 0
    finally:
        leave(code)


def _confine(options: Options, output: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    faulthandler.enable(output)
    # Early enough to be written before the deadline, which a busy machine brings near.
    faulthandler.dump_traceback_later(options.timeout_s * 0.8, file=output)
    _limit_memory(options.memory_mb)


def _limit_memory(memory_mb: int) -> None:
    import resource

    if memory_mb > 0:
        # The reserve above the soft limit is for the report, once the file has used up the rest.
        soft, reserve = memory_mb << 20, 256 << 20
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or hard > soft + reserve:
            hard = soft + reserve
        resource.setrlimit(resource.RLIMIT_DATA, (min(soft, hard), hard))


def _free_reserve() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


if __name__ == "__main__":
    main(sys.argv[1:])

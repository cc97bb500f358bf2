"""Parse DAG files in child processes, so that a file can break nothing but its own import."""

from __future__ import annotations

import json
import os
import selectors
import socket
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import DEVNULL
from typing import Any, Self

from airflow_lite.errors import AirflowException
from airflow_lite.parsing.file import Options
from airflow_lite.parsing.folder import fingerprint, with_modules
from airflow_lite.parsing.secrets import Answered
from airflow_lite.parsing.server import LARGEST_RESULT
from airflow_lite.processes.children import Child, within
from airflow_lite.processes.lines import LineBuffer, to_line
from airflow_lite.processes.programs import Program
from airflow_lite.spec.model import DagSpec

#: How much longer than a file's deadline its server may take before it is given up.
_GRACE_S = 10.0
#: How soon a cancelled parse is noticed.
_LONGEST_WAIT_S = 0.5
#: So that one file that hangs holds up no other on a machine of one core.
_FEWEST_SERVERS = 2
_LONGEST_LINE = 1 << 20
#: Levels of lists and dicts. Python 3.11 reads JSON of about a thousand, and 3.13 of thousands,
#: which no code that walks them gets through.
_DEEPEST_VALUE = 900
#: Seconds that a server has to end, and to end its child, once its socket is closed.
_END_S = 2.0


@dataclass(frozen=True)
class FileResult:
    """What parsing one DAG file gave: its DAGs, or the error that kept it from being imported.

    `error` is one line, then the traceback as far as it is the author's. `fingerprint` is of
    before the file was read: it tells when to parse it again.
    """

    path: str
    fingerprint: str
    dags: tuple[DagSpec, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()
    duration_us: int = 0
    pickles: Mapping[str, bytes] = field(default_factory=dict)  # by DAG id, not signed yet
    #: What it asked the store for: kind, name and version.
    secrets: tuple[tuple[str, str, str | None], ...] = ()


#: Answers what a file asks the store for while it is imported, by kind and name; raises
#: `AirflowException` where there is no answer.
Answer = Callable[[str, str], Answered]


def without_store(_kind: str, _name: str) -> Answered:
    """Answer that there is no such thing."""
    return Answered(None)


def parse_batches(
    paths: Sequence[str],
    options: Options,
    *,
    environ: Mapping[str, str] | None = None,
    servers: int | None = None,
    every_s: float = 0.25,
    is_cancelled: Callable[[], bool] = lambda: False,
    answer: Answer = without_store,
) -> Iterator[list[FileResult]]:
    """Parse DAG files on `servers` parse servers (the cores, at least two), whatever the files do.

    Yields the results of every `every_s` seconds, and the last, at once. Ends early once
    `is_cancelled`, or with what `answer` raises, but for errors of the file's. Closing the iterator
    stops the servers and what they run.
    """
    waiting = list(reversed(paths))
    count = min(len(waiting), servers or max(_cores(), _FEWEST_SERVERS))
    batch: list[FileResult] = []
    since = time.monotonic()
    with _Pool(options, environ, answer) as pool:
        for _ in range(count):
            pool.parse(waiting.pop())
        while pool.busy() and not is_cancelled():
            for result in pool.results(within_s=every_s if batch else _LONGEST_WAIT_S):
                batch.append(result)
                if waiting:
                    pool.parse(waiting.pop())
            if batch and (not pool.busy() or time.monotonic() - since >= every_s):
                yield batch
                batch, since = [], time.monotonic()


class _Pool:
    """Parse servers, each with one file at a time."""

    def __init__(self, options: Options, environ: Mapping[str, str] | None, answer: Answer) -> None:
        self._options = options
        self._environ = environ
        self._answer = answer
        self._selector = selectors.DefaultSelector()
        self._idle: list[_Server] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in [*self.busy(), *self._idle]:
            server.stop()
        self._selector.close()

    def busy(self) -> list[_Server]:
        """Return the servers that have a file in hand."""
        return [key.data for key in self._selector.get_map().values()]

    def parse(self, path: str) -> None:
        """Give a file to an idle server, or to a new one."""
        server = self._idle.pop() if self._idle else self._new_server()
        server.ask(path)
        self._selector.register(server.socket, selectors.EVENT_READ, server)

    def _new_server(self) -> _Server:
        return _Server(self._options, self._environ, self._answer)

    def results(self, *, within_s: float) -> list[FileResult]:
        """Wait until there is something to read; return the results that are complete."""
        left_s = min(server.deadline for server in self.busy()) - time.monotonic()
        wait_s = max(min(left_s, within_s), 0.0)
        ready = {key.data for key, _ in self._selector.select(wait_s)}
        now = time.monotonic()
        found = []
        for server in self.busy():
            result = server.read() if server in ready else server.late(now)
            if result is not None:
                self._retire(server)
                found.append(result)
        return found

    def _retire(self, server: _Server) -> None:
        self._selector.unregister(server.socket)
        if server.gone:
            server.stop()
        else:
            self._idle.append(server)


class _Server:
    """One parse server, and the file that it has in hand."""

    def __init__(self, options: Options, environ: Mapping[str, str] | None, answer: Answer) -> None:
        self.gone = False
        self._answer = answer
        self._within_s = options.timeout_s + _GRACE_S
        self._folder = options.folder
        self.socket, theirs = socket.socketpair()
        with theirs:
            self._child = Child.start(
                Program.PARSE_SERVER.command(str(theirs.fileno()), options.to_json()),
                environ=environ,
                output=DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def ask(self, path: str) -> None:
        self._path, self._stamp = path, fingerprint(path)
        self.deadline = time.monotonic() + self._within_s
        self._received = LineBuffer()
        self._asked: dict[tuple[str, str], str | None] = {}
        self._header: dict[str, Any] | None = None
        self._send(path)

    def _send(self, message: Any) -> None:
        self.socket.settimeout(_GRACE_S)
        with suppress(OSError):  # it has died, or hangs: reading tells
            self.socket.sendall(to_line(message))
        self.socket.setblocking(False)

    def read(self) -> FileResult | None:
        """Take what has come; return the result once it is complete."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        self._received.add(data)
        if not data:
            return self._lost("The file ended the process that was parsing it.")
        return self._result()

    def _result(self) -> FileResult | None:
        while self._header is None:
            line = self._received.take_line()
            if line is None and len(self._received.rest) > _LONGEST_LINE:
                return self._lost("The file broke the process that was parsing it.")
            if line is None:
                return None
            message = json.loads(line)
            if "question" in message:
                self._reply(*message["question"])
            else:
                self._header = message
        size = min(self._header["size"], LARGEST_RESULT + _LONGEST_LINE)
        if len(self._received.rest) < size:
            return None
        return self._complete(self._header["error"], self._header["duration_us"])

    def _reply(self, pid: int, kind: str, name: str) -> None:
        answer: dict[str, Any] = {"pid": pid, "value": None, "error": None}
        try:
            answered = self._answer(kind, name)
            answer["value"] = answered.value
            self._asked[kind, name] = answered.version
        except AirflowException as error:
            answer["error"] = str(error)
        self._send(answer)

    def _complete(self, error: str | None, duration_us: int) -> FileResult:
        if error is not None:
            return self._failed(error, duration_us)
        try:
            report = json.loads(bytes(self._received.rest))
            return FileResult(
                self._path,
                with_modules(self._stamp, report["modules"], self._folder),
                tuple(map(_read_spec, report["dags"])),
                report["error"] and _storable(report["error"]),
                tuple(map(_storable, report["warnings"])),
                duration_us,
                {name: b64decode(text) for name, text in report["pickles"].items()},
                self._secrets(),
            )
        except RecursionError:
            error = "The file's DAGs hold lists or dicts that are nested too deeply. Flatten them."
        except (ValueError, TypeError, KeyError, AttributeError):
            error = "The file wrote something else in place of its result."
        return self._failed(error, duration_us)

    def _failed(self, error: str, duration_us: int = 0) -> FileResult:
        return FileResult(
            self._path,
            self._stamp,
            error=error,
            duration_us=duration_us,
            secrets=self._secrets(),
        )

    def _secrets(self) -> tuple[tuple[str, str, str | None], ...]:
        return tuple((kind, name, version) for (kind, name), version in self._asked.items())

    def late(self, now: float) -> FileResult | None:
        """Return an error if even the server is past its deadline."""
        if now < self.deadline:
            return None
        return self._lost("The file stopped the process that was parsing it.")

    def _lost(self, error: str) -> FileResult:
        self.gone = True
        return self._failed(error)

    def stop(self) -> None:
        """Close the socket, at which it kills its child and ends; kill it if it does not."""
        self.socket.close()
        self._child.run_out(within(_END_S))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _storable(text: str) -> str:
    """Return text that every database takes: UTF-8, and no NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _read_spec(text: str) -> DagSpec:
    """Read a DAG; raise `RecursionError` where its values are nested too deeply for any Python."""
    spec = DagSpec.from_json(text)
    configs = (task.executor_config for task in spec.tasks.values() if task.executor_config)
    level: list[Any] = [spec.params, *configs]
    for _ in range(_DEEPEST_VALUE):
        if not level:
            return spec
        level = [value for holder in level for value in _values_in(holder)]
    raise RecursionError


def _values_in(holder: Any) -> Iterable[Any]:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list) else ()

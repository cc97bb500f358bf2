"""The processes that fork. No SQLAlchemy here, and no user code in the base zygote.

The base zygote forks a file zygote for each DAG file; that parses the file once and forks a child
per attempt. Both end when the host's end of their channel closes, and take their children along.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_lite.signing import KEY_VARIABLE
from airflow_lite.worker.channel import Channel
from airflow_lite.worker.process import die_with_parent, kill_session
from airflow_lite.worker.request import AttemptRequest, RetryPolicy
from airflow_lite.worker.sentry import SentrySettings, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.child import TaskOutput
    from airflow_lite.worker.sentry import Reporter


def main(host: socket.socket) -> NoReturn:
    """Be the base zygote, on the other end of `host`."""
    try:
        _silence()
        _warm_up()
        _BaseZygote(Channel(host)).serve()
    finally:
        os._exit(0)


def _silence() -> None:
    """Give up streams and the host's signal handlers, so that no child has to.

    What a DAG file prints while it is imported goes nowhere.
    """
    os.environ.pop(KEY_VARIABLE, None)  # not for what runs user code
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _warm_up() -> None:
    """Import and do here, once, what every child does; a child that imports is a slow child."""
    import jinja2.sandbox  # noqa: F401

    import airflow_lite.dag._parse_error
    import airflow_lite.dag._parse_file
    import airflow_lite.dag.context
    import airflow_lite.dag.load
    import airflow_lite.dag.render
    import airflow_lite.worker.context  # noqa: F401
    from airflow_lite.worker.rehearsal import rehearse

    rehearse()


class _Reaper:
    """A pipe that is readable when a child has ended, and the ends of known children."""

    def __init__(self) -> None:
        self.fd, write = os.pipe()
        for end in (self.fd, write):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._write = write

    def ended(self) -> list[tuple[int, int]]:
        """Return (pid, exit code; negative: signal) of what ended; kills what such a one left."""
        with suppress(BlockingIOError):
            os.read(self.fd, 4096)
        found: list[tuple[int, int]] = []
        while True:
            try:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return found
            if seen is None:
                return found
            if seen.si_status != 0:
                kill_session(seen.si_pid)  # before it is reaped: the number is still its own
            pid, status = os.waitpid(seen.si_pid, 0)
            found.append((pid, os.waitstatus_to_exitcode(status)))

    def close(self) -> None:
        """Give up the pipe, in a child."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self.fd)
        os.close(self._write)


def _loop(
    channel: Channel,
    reaper: _Reaper,
    act: Callable[[dict[str, Any]], None],
    ended: Callable[[int, int], None],
) -> None:
    """Serve until the host goes away."""
    while not channel.is_closed:
        waiting = [channel] if channel.has_unsent else []
        watched: list[Channel | int] = [channel, reaper.fd]
        readable, writable, _ = select.select(watched, waiting, [])
        if writable:
            channel.flush()
        if channel in readable:
            for message in channel.receive():
                act(message)
        if reaper.fd in readable:
            for pid, code in reaper.ended():
                ended(pid, code)


class _BaseZygote:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._reaper = _Reaper()
        self._numbers: dict[int, int] = {}
        self._alone: set[int] = set()

    def serve(self) -> None:
        gc.collect()
        gc.freeze()
        _loop(self._channel, self._reaper, self._fork, self._ended)
        for pid in self._alone & self._numbers.keys():
            kill_session(pid)

    def _fork(self, message: dict[str, Any]) -> None:
        fd = self._channel.fds.popleft()
        parent = os.getpid()
        if message["sentry"]:
            warm_up()
        pid = os.fork()
        if pid == 0:
            _in_child(lambda: self._be_file_zygote(message, fd, parent))
        os.close(fd)
        self._numbers[pid] = message["zygote"]
        if message["alone"]:
            self._alone.add(pid)
        self._channel.send({"zygote": message["zygote"], "pid": pid})

    def _be_file_zygote(self, message: dict[str, Any], fd: int, parent: int) -> None:
        self._channel.close()
        self._reaper.close()
        if message["alone"]:
            die_with_parent(parent)
        channel = Channel(socket.socket(fileno=fd))
        _FileZygote(channel, message).serve()

    def _ended(self, pid: int, code: int) -> None:
        self._alone.discard(pid)
        number = self._numbers.pop(pid, None)
        if number is not None:
            self._channel.send({"gone": number, "code": code})


def _in_child(act: Callable[[], None]) -> NoReturn:
    try:
        act()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


class _FileZygote:
    """Parses one file and forks a child for each attempt; `alone`: becomes the child itself.

    `order` is what `Zygotes.start` sends. Where its DAG is pickled, that is the host's first
    message, and the path only names it.
    """

    def __init__(self, channel: Channel, order: dict[str, Any]) -> None:
        self._channel = channel
        self._path: str = order["path"]
        self._folder: str = order["folder"]
        self._alone: bool = order["alone"]
        self._pickled: bool = order["pickled"]
        self._sentry = SentrySettings(*order["sentry"]) if order["sentry"] else None
        self._dags: dict[str, Any] = {}
        self._tokens: dict[int, str] = {}
        self._output: TaskOutput | None = None
        self._reporter: Reporter | None = None
        self._forked_at = 0.0
        self._reaper = _Reaper()

    def serve(self) -> None:
        verdict = self._parse()
        self._channel.send({"parsed": verdict})
        if verdict["error"] is not None:
            _flush(self._channel)
            return
        self._prepare()
        _loop(self._channel, self._reaper, self._run, self._ended)
        for pid in self._tokens:
            kill_session(pid)

    def _prepare(self) -> None:
        from airflow_lite.worker.child import TaskOutput
        from airflow_lite.worker.sentry import Reporter

        self._output = TaskOutput()
        self._reporter = Reporter(self._sentry)
        gc.collect()
        gc.freeze()

    def _parse(self) -> dict[str, Any]:
        from airflow_lite.dag._parse_error import explain
        from airflow_lite.dag._parse_file import _modules
        from airflow_lite.dag.folder import fingerprint, with_modules

        own, known = fingerprint(self._path), set(sys.modules)
        error = None
        try:
            self._dags = {dag.dag_id: dag for dag in self._load()}
        except BaseException as raised:
            error = explain(raised, self._path, 0)
        found = with_modules(own, _modules(known, self._path, self._folder))
        threads = [
            thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
        ]
        return {"error": error, "fingerprint": found, "threads": threads}

    def _load(self) -> list[Any]:
        from airflow_lite.dag.load import load_file

        if not self._pickled:
            return load_file(self._path)
        from base64 import b64decode

        from airflow_lite.dag.pickled import load

        return [load(b64decode(self._first_message()["dag"]))]

    def _first_message(self) -> dict[str, Any]:
        """Wait for the host's first message; end with it if it is gone."""
        while True:
            select.select([self._channel], [], [])
            for message in self._channel.receive():
                return message  # it sends no other before it is answered
            if self._channel.is_closed:
                os._exit(0)

    def _run(self, message: dict[str, Any]) -> None:
        run = message["run"]
        dag_id, task_id, *_, token = run["key"]
        self._forked_at = time.monotonic()
        fds = [self._channel.fds.popleft() for _ in range(3)]
        task = self._find(dag_id, task_id)
        if task is None:
            for fd in fds:
                os.close(fd)
            self._channel.send({"missing": token})
            return
        if self._alone:
            self._told(token, os.getpid(), task)
            self._be_child(run, task, fds)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _in_child(lambda: self._be_forked(run, task, fds, parent))
        for fd in fds:
            os.close(fd)
        self._tokens[pid] = token
        self._told(token, pid, task)

    def _find(self, dag_id: str, task_id: str) -> Any:
        dag = self._dags.get(dag_id)
        return None if dag is None else dag.task_dict.get(task_id)

    def _told(self, token: str, pid: int, task: Any) -> None:
        self._channel.send({"forked": token, "pid": pid, "policy": RetryPolicy.of(task)})

    def _be_forked(self, run: dict[str, Any], task: Any, fds: list[int], parent: int) -> None:
        die_with_parent(parent)
        self._be_child(run, task, fds)

    def _be_child(self, run: dict[str, Any], task: Any, fds: list[int]) -> NoReturn:
        from airflow_lite.worker.child import become_child, run_attempt

        self._reaper.close()
        if self._alone:
            _flush(self._channel)
        self._channel.close()
        host, output, log = fds
        become_child(output)
        request = AttemptRequest.from_message(run)
        assert self._output is not None  # made before the first fork
        assert self._reporter is not None  # the same
        run_attempt(
            request,
            task,
            socket.socket(fileno=host),
            log,
            self._output,
            self._reporter,
            self._forked_at,
        )

    def _ended(self, pid: int, code: int) -> None:
        token = self._tokens.pop(pid, None)
        if token is not None:
            self._channel.send({"ended": token, "code": code})


def _flush(channel: Channel) -> None:
    """Send all that is queued, waiting as long as the host lives."""
    while channel.has_unsent and not channel.is_closed:
        select.select([], [channel], [])
        channel.flush()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))

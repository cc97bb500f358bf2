"""A small engine on a Unix socket, with the executor and the `Engine` for it.

The twin of what a remote executor talks to: `python -m airflow_lite_testing.remote_engine SOCKET`
runs commands as its children and answers one request per connection, a line of JSON each way. It
ends, with what it runs, when its stdin does.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.keys import RunCommand
from airflow_lite.processes.children import Child
from airflow_lite.processes.lines import LineReader, to_line
from airflow_lite_testing.reference_executor import search_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.keys import TaskInstanceKey

SOCKET_VARIABLE = "AIRFLOW_LITE_REMOTE_ENGINE"
#: Longest wait, in seconds, for an answer of the engine: a heartbeat may ask twice or thrice.
ANSWER_S = 3.0
_START_S = 60.0
_POLL_S = 0.02
#: How the name of the folder begins that is made for a socket, and what a socket is called there
#: while the engine is cut off.
_FOLDER, _HIDDEN = "airflow-lite-engine-", "hidden"


class RemoteExecutor(BaseExecutor):
    """Has attempts run by the engine; one that does not answer is asked again later."""

    answer_s = ANSWER_S

    def check_store(self, url: str) -> str | None:
        """Serve any: the engine is on this machine."""
        return None

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Hand the command to the engine; raise OSError if it cannot be reached."""
        RunCommand.parse(command)
        self.ask({"run": command, "token": key.attempt})
        self.queued(key, key.attempt)

    def sync(self) -> None:
        """Ask for the ends of all that runs; nothing is told while the engine is out of reach."""
        if not self.running:
            return
        try:
            codes = self.ask({"poll": [key.attempt for key in self.running]})
        except OSError:
            return
        for key in list(self.running):
            self.tell(key, codes.get(key.attempt, "lost"))

    def tell(self, key: TaskInstanceKey, code: int | str | None) -> None:
        """Tell what the engine said of one attempt: an exit code, "lost", or None: it runs."""
        if code == 0:
            self.success(key)
        elif code is not None:
            self.fail(key, f"exit code {code}")

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Have the engine stop an attempt, if it can be reached, and forget it."""
        if ti.key in self.running:
            with suppress(OSError):
                self.ask({"kill": [ti.attempt]})
        self._forget(ti.key)

    def terminate(self) -> None:
        """Have the engine stop what runs, if it can be reached."""
        if self.running:
            with suppress(OSError):
                self.ask({"kill": [key.attempt for key in self.running]})
        super().terminate()

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request and return the answer; raise OSError if there is none in time."""
        return ask(Path(self.config.environ[SOCKET_VARIABLE]), request, self.answer_s)


def ask(path: Path, request: dict[str, Any], answer_s: float = ANSWER_S) -> Any:
    """Send a request to the engine at `path` and return the answer; raise OSError."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(answer_s)
        line.connect(str(path))
        line.sendall(to_line(request))
        try:
            return LineReader(line).read()
        except EOFError:
            raise ConnectionResetError("the engine hung up") from None


def remove(path: Path) -> None:
    """Remove the socket, and its folder if that was made for it and has nothing else."""
    for one in (path, path.with_name(_HIDDEN)):
        if one.is_socket():
            one.unlink(missing_ok=True)
    if path.parent.name.startswith(_FOLDER):
        with suppress(OSError):
            path.parent.rmdir()


class RemoteEngine:
    """Starts, kills and cuts off the engine, as `airflow_lite.testing.Engine` says."""

    def __init__(self) -> None:
        self._socket = self._hidden = Path()
        self._environ: dict[str, str] = {}
        self._server: Child | None = None
        self._lifeline = -1

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Start the server."""
        self._socket = Path(tempfile.mkdtemp(prefix=_FOLDER), "socket")
        self._hidden = self._socket.with_name(_HIDDEN)
        self._environ = {**os.environ, **environ}
        self._serve()
        return {SOCKET_VARIABLE: str(self._socket)}

    def _serve(self) -> None:
        self._socket.unlink(missing_ok=True)
        words = [sys.executable, "-m", "airflow_lite_testing.remote_engine", str(self._socket)]
        reading, self._lifeline = os.pipe()
        with open(reading, "rb") as stdin:
            self._server = Child.start(words, environ=self._environ, stdin=stdin)
        end = time.monotonic() + _START_S
        while not self._answers():
            assert time.monotonic() < end, f"the engine did not start in {_START_S:g} s"
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        try:
            return bool(ask(self._socket, {"poll": []}) == {})
        except OSError:
            return False

    def stop(self) -> None:
        """Stop the server and what it runs."""
        self._kill()
        remove(self._socket)

    def _kill(self) -> None:
        """Kill the server's session group: its commands are in it."""
        if self._server is not None:
            self._server.kill()
            os.close(self._lifeline)
            self._server = None

    def kill_worker(self) -> None:
        """Kill the server with all it runs, and start another that knows nothing."""
        self._kill()
        self._serve()

    def cut(self) -> None:
        """Hide the socket."""
        self._socket.rename(self._hidden)

    def stall(self) -> None:
        """Stop the server as Ctrl-Z does: the kernel still accepts what it is asked."""
        self._signal(signal.SIGSTOP)

    def restore(self) -> None:
        """Put the socket back, if it is hidden, and let the server go on."""
        self._signal(signal.SIGCONT)
        if self._hidden.exists():
            self._hidden.rename(self._socket)

    def _signal(self, number: signal.Signals) -> None:
        assert self._server is not None  # it was started
        os.kill(self._server.pid, number)


class Server:
    """Runs commands, one child each, and knows the exit code of each that has ended."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks for; "lost" stands for a token that is not known."""
        if "run" in request:
            self._run(request["token"], request["run"])
        for token in request.get("kill", ()):
            self._kill(token)
        return {token: self._code(token) for token in request.get("poll", ())}

    def _run(self, token: str, command: list[str]) -> None:
        if token not in self._children:
            self._children[token] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env={**os.environ, "PATH": search_path()}
            )

    def _kill(self, token: str) -> None:
        child = self._children.get(token)
        if child is not None and child.poll() is None:
            child.kill()

    def _code(self, token: str) -> int | str | None:
        child = self._children.get(token)
        return "lost" if child is None else child.poll()

    def serve(self, path: str, lifeline: int) -> None:
        """Answer one connection after the other, until killed or `lifeline` is at its end."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(64)
            while lifeline not in select.select([listener.fileno(), lifeline], [], [])[0]:
                line, _ = listener.accept()
                with line, suppress(OSError, ValueError, EOFError):
                    line.settimeout(ANSWER_S)
                    line.sendall(to_line(self._safely(LineReader(line).read())))

    def _safely(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.answer(request)
        except OSError as error:  # a command that cannot be started is lost
            return {"error": str(error)}


if __name__ == "__main__":
    Server().serve(sys.argv[1], sys.stdin.fileno())
    # Whoever started it is gone, and can neither stop it nor tidy up.
    remove(Path(sys.argv[1]))
    if os.getpgrp() == os.getpid():  # else it is a group of others', who started us by hand
        os.killpg(0, signal.SIGKILL)

"""Variables and Connections of the store, for a DAG file that asks for them while it is imported.

The fork that imports the file asks over a socket of its own. The parse server hands questions on to
whoever has the store, and the answers back: see `parsing.pool`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import AirflowException
from airflow_lite.processes.lines import LineBuffer, LineReader, to_line

if TYPE_CHECKING:
    from collections.abc import Callable

#: What may be asked for.
VARIABLE, CONNECTION = "variable", "connection"
#: A question is no longer than this, in bytes: it is a name.
_LONGEST_QUESTION = 1 << 16
#: Seconds that a fork may take to make room for an answer that it waits for.
_PATIENCE_S = 5.0


class Answered(NamedTuple):
    """What a file asked for, None if there is no such thing, and the version of that."""

    value: Any
    version: str | None = None


class FileSecrets:
    """What `authoring.secrets.search.using` takes while a file is imported: nothing is changed.

    `ask` is called with a kind and a name, in one thread at a time and in this process alone.
    """

    def __init__(self, ask: Callable[[str, str], Any]) -> None:
        self._ask_store = ask
        self._asking = threading.Lock()
        self._process = os.getpid()

    def get_variable(self, key: str) -> str | None:
        """Ask for a Variable's value."""
        value: str | None = self._ask(VARIABLE, key)
        return value

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """Ask for a connection's fields."""
        fields: dict[str, Any] | None = self._ask(CONNECTION, conn_id)
        return fields

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Raise `AirflowException`: a file is imported again and again."""
        raise _unchangeable(key)

    def update_variable(self, key: str, value: str) -> bool:
        """Raise the same."""
        raise _unchangeable(key)

    def delete_variable(self, key: str) -> int:
        """Raise the same."""
        raise _unchangeable(key)

    def _ask(self, kind: str, name: str) -> Any:
        if os.getpid() != self._process:
            raise AirflowException(f"A process that a DAG file starts cannot ask for {name}.")
        with self._asking:
            return self._ask_store(kind, name)


def _unchangeable(key: str) -> AirflowException:
    return AirflowException(
        f"Variable {key} cannot be changed while a DAG file is imported. Change it in a task."
    )


def asker(end: socket.socket, timeout_s: float) -> Callable[[str, str], Any]:
    """Return how the fork of a parse server asks, over this socket."""
    end.settimeout(timeout_s)
    reader = LineReader(end, "The parse server went away.")

    def ask(kind: str, name: str) -> Any:
        try:
            end.sendall(to_line([os.getpid(), kind, name]))
            answer = reader.read()
        except (OSError, EOFError, ValueError) as error:
            raise AirflowException(f"{name} could not be asked for: {error}.") from None
        if answer["error"] is not None:
            raise AirflowException(answer["error"])
        return answer["value"]

    return ask


class Control:
    """The parse server's end of its socket: paths to parse, and answers for the file in hand."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._buffer = LineBuffer()

    def next_path(self) -> str:
        """Wait for the next path; raise EOFError where there is none any more.

        Answers that come now are for a file that did not wait for them.
        """
        while True:
            while (line := self._buffer.take_line()) is not None:
                if isinstance(path := json.loads(line), str):
                    return path
            if not self._receive():
                raise EOFError("Whoever asked is gone.")

    def answers(self) -> list[dict[str, Any]]:
        """Take what has come; raise `BrokenPipeError` if whoever asked is gone."""
        if not self._receive():
            raise BrokenPipeError
        return [json.loads(line) for line in self._buffer.take_lines()]

    def _receive(self) -> bool:
        data = self.socket.recv(1 << 16)
        self._buffer.add(data)
        return bool(data)


class Relay:
    """The parse server between a fork's questions and the answers to them."""

    def __init__(self, control: Control, fork: socket.socket, pid: int) -> None:
        fork.settimeout(_PATIENCE_S)
        self._control = control
        self._fork = fork
        self._pid = pid
        self._questions = LineBuffer()

    def readers(self) -> dict[int, Callable[[], bool]]:
        """Return what is to be called when there is something to read."""
        return {
            self._fork.fileno(): self._hand_on,
            self._control.socket.fileno(): self._hand_back,
        }

    def _hand_on(self) -> bool:
        """Send the fork's questions on; False once it asks nothing more, or no question."""
        try:
            data = self._fork.recv(1 << 16)
        except OSError:
            return False
        self._questions.add(data)
        for line in self._questions.take_lines():
            with suppress(ValueError, TypeError, RecursionError):  # it is the file that writes them
                pid, kind, name = json.loads(line)
                if pid == self._pid and kind in {VARIABLE, CONNECTION} and isinstance(name, str):
                    self._control.socket.sendall(to_line({"question": [pid, kind, name]}))
        return bool(data) and len(self._questions.rest) <= _LONGEST_QUESTION

    def _hand_back(self) -> bool:
        for answer in self._control.answers():
            if answer["pid"] == self._pid:
                with suppress(OSError):  # it does not wait for it
                    self._fork.sendall(to_line(answer))
        return True

"""The child's end of its line to the task host."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowException
from airflow_lite.processes.channel import encoded
from airflow_lite.processes.lines import LineReader
from airflow_lite.worker.messages import ANSWERS, Answer, Ask, HideSecrets, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.messages import ChildMessage, Question


class Line:
    """The child's end: blocking. Each thread gets the answers to its own questions."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(True)
        self._socket = end
        self._lock = threading.RLock()  # a signal's handler may ask while its own thread does
        self._reader = LineReader(end, "The task host went away.")
        self._asked = 0
        self._answers: dict[int, Answer] = {}

    def send(self, message: ChildMessage) -> None:
        """Send one message; raise OSError if the host is gone."""
        with self._lock:
            self._socket.sendall(encoded(packed(message)))

    def check(self) -> None:
        """Raise EOFError if the host has closed its end."""
        with suppress(BlockingIOError):
            if not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                raise EOFError("The task host gave this attempt up.")

    def ask(self, question: Question) -> Any:
        """Ask a question and return the answer's value; raise EOFError without one.

        Raises `AirflowException` where the host could not read what it was asked for.
        """
        return self._answered(lambda number: Ask(number, packed(question)))

    def hide(self, secrets: list[str]) -> None:
        """Have the host mask these in what the task's processes print, from now on."""
        with suppress(OSError, EOFError):  # no host, and so nothing that is written
            self._answered(lambda number: HideSecrets(number, secrets))

    def _answered(self, make: Callable[[int], ChildMessage]) -> Any:
        """Send a message with a number; return the value of the answer that bears it, too."""
        with self._lock:
            self._asked += 1
            number = self._asked
            self.send(make(number))
            while number not in self._answers:  # what a signal interrupted may be answered first
                answer = self._received()
                self._answers[answer.number] = answer
            answer = self._answers.pop(number)
        if answer.error is not None:
            raise AirflowException(answer.error)
        return answer.value

    def _received(self) -> Answer:
        return unpacked(self._reader.read(), ANSWERS)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

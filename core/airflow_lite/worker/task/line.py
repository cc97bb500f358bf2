"""The child's end of its line to the task host."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowException
from airflow_lite.processes.channel import encoded
from airflow_lite.processes.limits import out_of_reach
from airflow_lite.processes.lines import LineReader
from airflow_lite.processes.packing import packed, unpacked
from airflow_lite.worker.messages import (
    ANSWERS,
    BEGIN,
    AcceptLines,
    Answer,
    Ask,
    AskMode,
    HideSecrets,
    NewLine,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.messages import ChildMessage, Question, SecretQuestion

#: Seconds that an answer, or room for a message, is waited for: an outage of the database may be
#: sat out, a task host that hangs is ended long before.
ANSWER_TIMEOUT_S = 300.0
_CHUNK = 1 << 18


class Line:
    """The child's end. Each thread, and each process it forks, gets the answers to its questions.

    After `share`, a forked process has a line of its own from when it first has something to say:
    two that write to one would tear each other's messages apart.
    """

    def __init__(self, end: socket.socket, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._door: socket.socket | None = None
        self._begin(end)

    def _begin(self, end: socket.socket | None) -> None:
        self._sending = threading.RLock()  # a signal's handler may send while its own thread does
        self._asking = threading.RLock()
        self._unsent = bytearray()  # the rest of a message that a signal interrupted goes first
        self._asked = 0
        self._open: set[int] = set()
        self._answers: dict[int, Answer] = {}
        self._socket: socket.socket | None = None
        if end is not None:
            self._use(end)

    def _use(self, end: socket.socket) -> None:
        end.settimeout(self._timeout_s)
        self._socket = end
        self._reader = LineReader(end, "The task host went away.")

    def await_begin(self) -> float:
        """Wait until the attempt is claimed; return the monotonic time at which it was.

        However long that takes: the database may be away. Raises EOFError where it is not ours.
        """
        end = self._connected()
        end.settimeout(None)
        try:
            return unpacked(self._reader.read(), BEGIN).at
        finally:
            end.settimeout(self._timeout_s)

    def share(self) -> None:
        """Let processes that are forked from now on have lines of their own."""
        os.register_at_fork(before=self._open_door, after_in_child=self._leave)

    def _open_door(self) -> None:
        """Give the host the socket by which forked processes hand in their lines, once."""
        with self._sending, suppress(OSError):  # without it they are told when they need it
            if self._door is not None or self._socket is None:
                return
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            with theirs:
                self._flush()
                data = encoded(packed(AcceptLines()))
                sent = socket.send_fds(self._socket, [data], [theirs.fileno()])
            self._unsent += data[sent:]
            self._door = socket.socket(fileno=out_of_reach(ours.detach()))
            self._door.settimeout(self._timeout_s)
            self._flush()

    def _leave(self) -> None:
        """Let go of the line of the process that forked this one."""
        if self._socket is not None:
            self._socket.close()
        self._begin(None)

    def _connected(self) -> socket.socket:
        """Return the socket of this process; one that was forked hands in its other end first."""
        if self._socket is None:
            if self._door is None:
                raise AirflowException("This process of the task has no line to the task host.")
            ours, theirs = socket.socketpair()
            with theirs:
                data = encoded(packed(NewLine()))
                socket.send_fds(self._door, [data], [theirs.fileno()])
            self._use(socket.socket(fileno=out_of_reach(ours.detach())))
            assert self._socket is not None  # just set
        return self._socket

    def send(self, message: ChildMessage) -> None:
        """Send one message; raise OSError if the host is gone."""
        data = encoded(packed(message))
        with self._sending:
            self._unsent += data
            self._flush()

    def _flush(self) -> None:
        end = self._connected()
        while self._unsent:
            sent = end.send(bytes(self._unsent[:_CHUNK]))
            del self._unsent[:sent]

    def check(self) -> None:
        """Raise EOFError if the host has closed its end."""
        end = self._connected()
        end.setblocking(False)
        try:
            with suppress(BlockingIOError):
                if not end.recv(1, socket.MSG_PEEK):
                    raise EOFError("The task host gave this attempt up.")
        finally:
            end.settimeout(self._timeout_s)

    def ask(self, question: Question | SecretQuestion) -> Any:
        """Ask a question and return the answer's value; raise EOFError without one.

        Raises `AirflowException` where the host could not read what it was asked for, or does not
        answer in time.
        """
        return self._answered(lambda number: Ask(number, packed(question)))

    def reschedules_sensors(self) -> bool:
        """Ask whether sensors are rescheduled rather than poke; raise as `ask` does."""
        return bool(self._answered(AskMode))

    def hide(self, secrets: list[str]) -> None:
        """Have the host mask these in what the task's processes print, from now on."""
        with suppress(
            OSError, EOFError, AirflowException
        ):  # no host, and so nothing that is written
            self._answered(lambda number: HideSecrets(number, secrets))

    def _answered(self, make: Callable[[int], ChildMessage]) -> Any:
        """Send a message with a number; return the value of the answer that bears it, too."""
        with self._asking:
            self._asked += 1
            number = self._asked
            self._open.add(number)
            try:
                self.send(make(number))
                answer = self._answer_to(number)
            finally:
                self._open.discard(number)
        if answer.error is not None:
            raise AirflowException(answer.error)
        return answer.value

    def _answer_to(self, number: int) -> Answer:
        while number not in self._answers:  # what a signal interrupted may be answered first
            answer = self._received()
            if answer.number in self._open:  # else nobody waits for it any more
                self._answers[answer.number] = answer
        return self._answers.pop(number)

    def _received(self) -> Answer:
        try:
            return unpacked(self._reader.read(), ANSWERS)
        except TimeoutError:
            raise AirflowException(
                f"The task host did not answer within {self._timeout_s:g} s."
            ) from None

    def close(self) -> None:
        """Close this end."""
        for end in (self._socket, self._door):
            if end is not None:
                end.close()

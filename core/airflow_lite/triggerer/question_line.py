"""The line by which the code of triggers asks the store, at its end: many questions at once."""

from __future__ import annotations

import asyncio
import select
import threading
from concurrent.futures import Future
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowException
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import packed, receive, send_all
from airflow_lite.worker.messages import ANSWERS, Ask
from airflow_lite.worker.task.line import ANSWER_TIMEOUT_S

if TYPE_CHECKING:
    import socket

    from airflow_lite.worker.messages import Answer, Question, SecretQuestion


class QuestionLine:
    """Asks what triggers ask: those that ask together are answered together.

    A question goes out at once, unless others are not answered yet: then it goes with all that were
    asked meanwhile. Only the thread that made the line, where the loop turns, sends and hears.
    """

    def __init__(self, end: socket.socket, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._channel = Channel(end)
        self._timeout_s = timeout_s
        self._thread = threading.get_ident()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = count(1)
        self._turn = threading.RLock()  # before the loop turns, any thread may send and hear
        self._new: list[Ask] = []
        self._unanswered: set[int] = set()  # of those that went out
        self._answers: dict[int, Future[Answer]] = {}

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have this loop, which turns in this thread, hear the answers from now on."""
        self._loop = loop
        loop.add_reader(self._channel.fileno(), self._hear)

    def ask(self, question: Question | SecretQuestion) -> Any:
        """Return the answer's value, from whichever thread; it blocks until then.

        Raises `AirflowException` where there is none, or not in time, and EOFError where whoever
        has the store is gone.
        """
        answer = self._put(question)
        if self._loop is None or threading.get_ident() == self._thread:
            self._await_here(answer)
        else:
            self._loop.call_soon_threadsafe(self._send)
        try:
            return _value(answer.result(self._timeout_s))
        except TimeoutError:
            raise self._late() from None

    async def asked(self, question: Question | SecretQuestion) -> Any:
        """Await the answer's value; raise as `ask` does."""
        answer = self._put(question)
        asyncio.get_running_loop().call_soon(self._send)  # with what else asks in this turn
        try:
            return _value(await asyncio.wait_for(asyncio.wrap_future(answer), self._timeout_s))
        except TimeoutError:
            raise self._late() from None

    def _put(self, question: Question | SecretQuestion) -> Future[Answer]:
        with self._turn:
            ask = Ask(next(self._numbers), packed(question))
            answer = self._answers[ask.number] = Future()
            self._new.append(ask)
        return answer

    def _await_here(self, answer: Future[Answer]) -> None:
        """Send and hear in this thread, until this is answered or time is over."""
        with self._turn:
            self._send(at_once=True)
            peer = select.poll()
            while not answer.done():
                writes = select.POLLOUT if self._channel.has_unsent else 0
                peer.register(self._channel, select.POLLIN | writes)
                if not peer.poll(self._timeout_s * 1000):
                    raise self._late()
                self._hear()

    def _send(self, *, at_once: bool = False) -> None:
        """Send what is new, unless what was sent before is not answered yet."""
        with self._turn:
            if self._new and (at_once or not self._unanswered):
                new, self._new = self._new, []
                self._unanswered.update(ask.number for ask in new)
                send_all(self._channel, new)
                self._flush_later()
            if self._channel.is_closed:
                self._hang_up()

    def _flush_later(self) -> None:
        if self._loop is not None:
            if self._channel.has_unsent:
                self._loop.add_writer(self._channel.fileno(), self._flush)
            else:
                self._loop.remove_writer(self._channel.fileno())

    def _flush(self) -> None:
        self._channel.flush()
        self._flush_later()

    def _hear(self) -> None:
        """Hand over the answers that have come, and send what was asked meanwhile."""
        with self._turn:
            self._channel.flush()
            for answer in receive(self._channel, ANSWERS):
                self._unanswered.discard(answer.number)
                _settle(self._answers.pop(answer.number, None), answer)
            self._send()

    def _hang_up(self) -> None:
        """Tell whoever waits that nobody will answer."""
        if self._loop is not None:
            self._loop.remove_reader(self._channel.fileno())
        for future in self._answers.values():
            _settle(future, EOFError("The process that has the store went away."))
        self._answers.clear()

    def _late(self) -> AirflowException:
        return AirflowException(f"The store did not answer within {self._timeout_s:g} s.")


def _settle(future: Future[Answer] | None, found: Answer | EOFError) -> None:
    if future is None or not future.set_running_or_notify_cancel():
        return  # nobody waits for it any more
    if isinstance(found, EOFError):
        future.set_exception(found)
    else:
        future.set_result(found)


def _value(answer: Answer) -> Any:
    if answer.error is not None:
        raise AirflowException(answer.error)
    return answer.value

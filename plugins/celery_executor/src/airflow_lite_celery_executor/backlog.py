"""The attempts that the executor has handed to the broker: which are where, which to send again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_lite.executors import TaskInstanceKey
    from airflow_lite_celery_executor.link import Letter

#: Seconds until an attempt that no worker has is sent again; doubled up to the longest.
FIRST_REPEAT_S, LONGEST_REPEAT_S = 20.0, 600.0
#: A worker with attempts that has told nothing for so long, in seconds, is given up.
SILENT_S = 15.0


@dataclass(eq=False)
class Sent:
    """An attempt: `due` is the moment to send it again, None while it is on its way or runs."""

    key: TaskInstanceKey
    letter: Letter
    due: float | None = None
    worker: str | None = None  # that has it, as far as is known
    is_running: bool = False
    delay_s: float = FIRST_REPEAT_S


class Silence(NamedTuple):
    """What a worker had that is given up: attempts that ran there, and those to send again."""

    worker: str
    running: list[TaskInstanceKey]


class Backlog:
    """Attempts by their tokens. Used by several threads; moments are seconds of one clock."""

    def __init__(self) -> None:
        self._sent: dict[str, Sent] = {}
        self._heard: dict[str, float] = {}  # of each worker that has attempts
        self._lock = threading.Lock()

    def add(self, key: TaskInstanceKey, letter: Letter, due: float | None = None) -> None:
        """Note an attempt; with `due`, that it is at the broker since before."""
        with self._lock:
            self._sent[key.attempt] = Sent(key, letter, due)

    def remove(self, token: str) -> TaskInstanceKey | None:
        """Forget an attempt, and return its key if it was here."""
        with self._lock:
            sent = self._sent.pop(token, None)
        return None if sent is None else sent.key

    def clear(self) -> list[str]:
        """Forget all attempts, and return their tokens."""
        with self._lock:
            tokens = list(self._sent)
            self._sent.clear()
        return tokens

    def published(self, token: str, now: float) -> TaskInstanceKey | None:
        """Note that the broker has an attempt's message."""
        with self._lock:
            sent = self._sent.get(token)
            if sent is None:
                return None
            if sent.worker is None:
                sent.due = now + sent.delay_s
                sent.delay_s = min(sent.delay_s * 2, LONGEST_REPEAT_S)
            return sent.key

    def runs(self, token: str, worker: str, now: float) -> TaskInstanceKey | None:
        """Note that an attempt runs at a worker."""
        with self._lock:
            self._heard[worker] = now
            sent = self._sent.get(token)
            if sent is None:
                return None
            sent.worker, sent.due, sent.is_running = worker, None, True
            return sent.key

    def present(self, worker: str, tokens: Collection[str], now: float) -> list[TaskInstanceKey]:
        """Note all that a worker has; return what it had before, of whose end nothing came."""
        here = set(tokens)
        with self._lock:
            self._heard[worker] = now
            for token in here & self._sent.keys():
                sent = self._sent[token]
                sent.worker, sent.due = worker, None
            gone = [
                token
                for token, sent in self._sent.items()
                if sent.worker == worker and token not in here
            ]
            return [self._sent.pop(token).key for token in gone]

    def take_silent(self, now: float, since: float) -> list[Silence]:
        """Give up workers that told nothing for long, though we listened since that moment.

        What waited there is due; what ran is returned, and forgotten.
        """
        with self._lock:
            silent = [
                worker
                for worker, heard in self._heard.items()
                if now - max(heard, since) >= SILENT_S
            ]
            return [self._give_up(worker, now) for worker in silent]

    def _give_up(self, worker: str, now: float) -> Silence:
        del self._heard[worker]
        there = [sent for sent in self._sent.values() if sent.worker == worker]
        for sent in there:
            sent.worker, sent.due = None, now
        running = [sent.key for sent in there if sent.is_running]
        for key in running:
            del self._sent[key.attempt]
        return Silence(worker, running)

    def take_due(self, now: float) -> list[Letter]:
        """Return the messages to send again: a lost one is made good, a double does no harm."""
        with self._lock:
            due = [sent for sent in self._sent.values() if sent.due is not None and sent.due <= now]
            for sent in due:
                sent.due = None  # until it is published
        return [sent.letter for sent in due]

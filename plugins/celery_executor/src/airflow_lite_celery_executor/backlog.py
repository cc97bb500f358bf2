"""The attempts that the executor has handed to the broker: which are where, which to send again."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite_celery_executor.fleet import SILENT_S

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_lite.executors import TaskInstanceKey
    from airflow_lite_celery_executor.publisher import Letter

#: Seconds until an attempt that no worker has is sent again; doubled up to the longest.
FIRST_REPEAT_S, LONGEST_REPEAT_S = 20.0, 600.0


@dataclass(eq=False)
class Sent:
    """An attempt: `due` is the moment to send it again, None while it is on its way or runs."""

    key: TaskInstanceKey
    letter: Letter
    since: float
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
        self._queues: Counter[str] = Counter()
        self._heard: dict[str, float] = {}  # of each worker that has attempts
        self._lock = threading.Lock()

    def add(
        self, key: TaskInstanceKey, letter: Letter, now: float, due: float | None = None
    ) -> None:
        """Note an attempt; with `due`, that it is at the broker since before."""
        with self._lock:
            self._sent[key.attempt] = Sent(key, letter, now, due)
            self._queues[letter.queue] += 1

    def remove(self, token: str) -> Sent | None:
        """Forget an attempt, and return it if it was here."""
        with self._lock:
            return self._pop(token)

    def _pop(self, token: str) -> Sent | None:
        sent = self._sent.pop(token, None)
        if sent is not None:
            self._queues[sent.letter.queue] -= 1
        return sent

    def count(self, queues: Collection[str]) -> int:
        """Return how many attempts were sent to these queues."""
        with self._lock:
            return sum(self._queues[queue] for queue in queues)

    def oldest_s(self, now: float) -> float:
        """Return for how many seconds the oldest attempt is here."""
        with self._lock:
            oldest = next(iter(self._sent.values()), None)
        return 0.0 if oldest is None else now - oldest.since

    def clear(self) -> list[str]:
        """Forget all attempts, and return their tokens."""
        with self._lock:
            tokens = list(self._sent)
            self._sent.clear()
            self._queues.clear()
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
        """Note all that a worker has; return what ran there before, of whose end nothing came.

        What had only waited there is at the broker again: such a worker gives messages back.
        """
        here = set(tokens)
        with self._lock:
            self._heard[worker] = now
            for token in here & self._sent.keys():
                sent = self._sent[token]
                sent.worker, sent.due = worker, None
            gone: list[str] = []
            for token, sent in self._sent.items():
                if sent.worker != worker or token in here:
                    continue
                if sent.is_running:
                    gone.append(token)
                else:
                    sent.worker, sent.due = None, now + FIRST_REPEAT_S
            return [ended.key for token in gone if (ended := self._pop(token)) is not None]

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
            self._pop(key.attempt)
        return Silence(worker, running)

    def take_due(self, now: float) -> list[Letter]:
        """Return the messages to send again: a lost one is made good, a double does no harm."""
        with self._lock:
            due = [sent for sent in self._sent.values() if sent.due is not None and sent.due <= now]
            for sent in due:
                sent.due = None  # until it is published
        return [sent.letter for sent in due]

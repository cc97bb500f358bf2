"""The attempts that the executor has handed to the broker, and when to send them again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_lite_celery_executor.link import Letter

if TYPE_CHECKING:
    from airflow_lite.executors import TaskInstanceKey

#: Seconds until an attempt that no worker told of is sent again; doubled up to the longest.
FIRST_REPEAT_S, LONGEST_REPEAT_S = 60.0, 900.0


@dataclass(eq=False)
class Sent:
    """An attempt at the broker; `due` is the moment to send it again, None while it runs."""

    key: TaskInstanceKey
    letter: Letter
    due: float | None = None
    is_running: bool = False
    delay_s: float = FIRST_REPEAT_S


class Backlog:
    """Attempts by their tokens. Used by several threads."""

    def __init__(self) -> None:
        self._sent: dict[str, Sent] = {}
        self._lock = threading.Lock()

    def add(self, key: TaskInstanceKey, letter: Letter, due: float | None = None) -> None:
        """Note an attempt; with `due`, that it is at the broker since before."""
        with self._lock:
            self._sent[key.attempt] = Sent(key, letter, due)

    def find(self, token: str) -> TaskInstanceKey | None:
        """Return the key of an attempt that is here."""
        sent = self._sent.get(token)
        return None if sent is None else sent.key

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
            if sent.is_running:
                return sent.key
            sent.due = now + sent.delay_s
            sent.delay_s = min(sent.delay_s * 2, LONGEST_REPEAT_S)
            return sent.key

    def runs(self, token: str) -> TaskInstanceKey | None:
        """Note that an attempt runs: it is not sent again."""
        with self._lock:
            sent = self._sent.get(token)
            if sent is None:
                return None
            sent.due, sent.is_running = None, True
            return sent.key

    def not_claimed(self, token: str) -> TaskInstanceKey | None:
        """Forget an attempt that a worker could not claim; None if it runs: that was a double."""
        with self._lock:
            sent = self._sent.get(token)
            if sent is None or sent.is_running:
                return None
            del self._sent[token]
            return sent.key

    def take_due(self, now: float) -> list[Letter]:
        """Return the messages to send again: a lost one is made good, a double does no harm."""
        with self._lock:
            due = [sent for sent in self._sent.values() if sent.due is not None and sent.due <= now]
            for sent in due:
                sent.due = None  # until it is published
        return [sent.letter for sent in due]

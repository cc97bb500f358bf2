"""Pods that have ended and that nobody came back for: their scheduler died, or was not let."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Seconds after which any scheduler removes a pod that it saw ended: its own does so at once.
ORPHAN_S = 30.0


class Orphans:
    """Which ended pods somebody has in hand, by their uids. Used by several threads."""

    def __init__(self) -> None:
        self._in_hand: set[str] = set()
        self._lock = threading.Lock()

    def take(self, uid: str) -> bool:
        """Take a pod in hand; return whether nobody had it."""
        with self._lock:
            is_new = uid not in self._in_hand
            self._in_hand.add(uid)
        return is_new

    def forget(self, uid: str) -> None:
        """Note that a pod is gone."""
        with self._lock:
            self._in_hand.discard(uid)

    def keep(self, uids: Iterable[str]) -> None:
        """Forget all but those that are there."""
        with self._lock:
            self._in_hand &= set(uids)

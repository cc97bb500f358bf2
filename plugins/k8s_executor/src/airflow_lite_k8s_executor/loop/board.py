"""The attempts that the executor has: how far the pod of each is."""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.executors import TaskInstanceKey


class Step(enum.Enum):
    """How far an attempt's pod is, as far as we know."""

    WAITING = "waiting"  # for its turn to be made
    MAKING = "making"  # the API server was asked, or is about to be
    MADE = "made"
    RUNNING = "running"
    LEAVING = "leaving"  # its outcome is recorded: it has only to end


#: Steps in which a pod is one of those of which `worker_pods_in_flight` is the most.
_IN_FLIGHT = frozenset({Step.MAKING, Step.MADE})


@dataclass(eq=False)
class Held:
    """An attempt and its pod; `made_at` is a moment of the executor's clock."""

    key: TaskInstanceKey
    pod: dict[str, Any]
    step: Step = Step.WAITING
    made_at: float = 0.0
    uid: str | None = None
    tries: int = 0
    refusals: int = 0  # for want of rights
    waits: str = ""  # why its pod does not run yet
    is_doomed: bool = False  # somebody else has its pod deleted
    may_exist: bool = False  # a scheduler that died, or a lost reply, may have made it

    @property
    def token(self) -> str:
        """The attempt's."""
        return self.key.attempt

    @property
    def name(self) -> str:
        """The pod's."""
        return str(self.pod["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The pod's."""
        return str(self.pod["metadata"]["namespace"])


class Board:
    """Attempts by their tokens, in the order in which they came. Used by several threads."""

    def __init__(self, most_in_flight: int) -> None:
        self._most_in_flight = most_in_flight
        self._held: dict[str, Held] = {}
        self._lock = threading.Condition()
        #: Whether pods are left as they are, whatever becomes of their attempts.
        self.is_closed = False

    def add(self, held: Held) -> None:
        """Note an attempt whose pod is to be made."""
        with self._lock:
            self._held[held.token] = held

    def find(self, token: str) -> Held | None:
        """Return an attempt, if it is here."""
        with self._lock:
            return self._held.get(token)

    def remove(self, token: str) -> Held | None:
        """Forget an attempt, and return it if it was here: to one caller alone."""
        with self._lock:
            self._lock.notify_all()
            return self._held.pop(token, None)

    def close(self) -> list[Held]:
        """Forget all attempts, and return them: their pods go on without us."""
        self.is_closed = True
        return self.clear()

    def clear(self) -> list[Held]:
        """Forget all attempts, and return them: they are taken back."""
        with self._lock:
            all_held = list(self._held.values())
            self._held.clear()
        return all_held

    def wait_until_left(self, timeout_s: float) -> bool:
        """Wait until no pod has only to end; False if that takes longer."""
        with self._lock:
            return self._lock.wait_for(self._have_left, timeout_s)

    def _have_left(self) -> bool:
        return not any(held.step is Step.LEAVING for held in self._held.values())

    def take_next(self) -> Held | None:
        """Return the next attempt whose pod may be made now, for the caller to make."""
        with self._lock:
            in_flight = sum(held.step in _IN_FLIGHT for held in self._held.values())
            if in_flight >= self._most_in_flight:
                return None
            for held in self._held.values():
                if held.step is Step.WAITING:
                    held.step = Step.MAKING
                    return held
        return None

    def advance(self, token: str, step: Step, now: float, uid: str | None = None) -> Held | None:
        """Note that a pod is so far; return its attempt if that is news, None if not."""
        with self._lock:
            held = self._held.get(token)
            if held is None:
                return None
            if uid is not None:
                held.uid = uid
            if _ORDER[step] <= _ORDER[held.step]:
                return None
            if _ORDER[held.step] < _ORDER[Step.MADE]:
                held.made_at = now
            held.step = step
            return held

    def missing(
        self, tokens: set[str], since: float, is_there: Callable[[Held], bool]
    ) -> list[str]:
        """Return whose pods, made before that moment, are not among those that were listed."""
        with self._lock:
            return [
                held.token
                for held in self._held.values()
                if _ORDER[held.step] >= _ORDER[Step.MADE]
                and held.made_at < since
                and held.token not in tokens
                and is_there(held)
            ]


_ORDER = {step: number for number, step in enumerate(Step)}

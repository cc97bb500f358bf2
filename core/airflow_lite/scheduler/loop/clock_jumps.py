"""The wall clock was set, or the machine slept: what counts time by it is put right.

Whoever counts seconds of its own, as `watch` and every deadline do, is not concerned. What is
written down as a moment is: the wall clock then says that more or less time has passed than did.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import US_PER_S, seconds_us
from airflow_lite.states import ACTIVE, TaskInstanceState
from airflow_lite.store import waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.state.context import SchedulerContext

logger = logging.getLogger(__name__)

#: A clock that is out by fewer seconds is followed: so NTP slews it, bit by bit.
LEAST_S = 10
#: Two readings further apart, in seconds, tell nothing: this process was stopped in between.
_APART_S = 0.1
_LATEST_US = 2**62
_WAITING = frozenset({TaskInstanceState.UP_FOR_RESCHEDULE, TaskInstanceState.DEFERRED})
_DUE_AGAIN = _WAITING | {TaskInstanceState.UP_FOR_RETRY}
_TRYING = ACTIVE | _WAITING | {TaskInstanceState.SCHEDULED}


class _Moment(NamedTuple):
    wall_us: int
    own_s: float


class ClockJumps:
    """Compares the wall clock with the time that passed, from look to look."""

    def __init__(self, context: SchedulerContext) -> None:
        self._context = context
        self._before: _Moment | None = None

    def look(self) -> None:
        """Look once; where the wall clock jumped since the last look, make up for it."""
        now = self._read()
        if now is None:
            return
        if self._before is not None:
            passed_us = seconds_us(now.own_s - self._before.own_s)
            jump_us = now.wall_us - self._before.wall_us - passed_us
            if abs(jump_us) >= LEAST_S * US_PER_S:
                self._make_up(jump_us, self._before.wall_us, now.wall_us)
        self._before = now

    def _read(self) -> _Moment | None:
        clock = self._context.clock
        own_s = clock.monotonic()
        wall_us = clock.now_us()
        return _Moment(wall_us, own_s) if clock.monotonic() - own_s < _APART_S else None

    def _make_up(self, jump_us: int, before_us: int, now_us: int) -> None:
        context = self._context
        low_us, high_us = (0, before_us) if jump_us > 0 else (now_us + 1, _LATEST_US)
        trying = [instance for instance in self._instances() if instance.state in _TRYING]
        # What is due by a clock set forward may be early by it; it is not late for ever.
        due = [instance for instance in self._instances() if jump_us < 0 and _waits(instance)]
        with context.store.begin() as connection:
            bounds = {"low_us": low_us, "high_us": high_us}
            starts = [{**_row(instance, jump_us), **bounds} for instance in trying]
            waits.shift(connection, starts, [_row(instance, jump_us) for instance in due])
        for instance in trying:
            started_us = instance.try_started_us
            if started_us is not None and low_us <= started_us <= high_us:
                instance.try_started_us = started_us + jump_us
        for instance in due:
            instance.next_at_us = (instance.next_at_us or 0) + jump_us
            context.memory.note_change(context.memory.instance(instance.id)[0], instance)
        context.memory.skip_time(jump_us)
        context.timers.after("beat", 0.0)  # it is judged by the clock of the database
        logger.warning(
            "the wall clock went %s by %d s: it was set, or this machine slept;"
            " timeouts and delays go by the time that passed",
            "forward" if jump_us > 0 else "back",
            abs(jump_us) // US_PER_S,
        )

    def _instances(self) -> Iterator[Instance]:
        return (instance for _, instance in self._context.memory.instances)


def _waits(instance: Instance) -> bool:
    return instance.state in _DUE_AGAIN and instance.next_at_us is not None


def _row(instance: Instance, by_us: int) -> dict[str, Any]:
    return {
        "row": instance.id,
        "was_state": instance.state,
        "was_attempt": instance.attempt,
        "by_us": by_us,
    }

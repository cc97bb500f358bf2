"""How many attempts fit into what the system has left of descriptors, processes and memory."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.limits import descriptors_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.clock import Clock

logger = logging.getLogger(__name__)

#: An attempt takes three while it runs, and three more on their way to its zygote.
DESCRIPTORS_EACH = 6
#: Descriptors that no attempt may take: the database, zygotes and the host's own life need them.
RESERVE = 64
#: Seconds until something is started again after there was nothing left; doubled to the longest.
_FIRST_S, _LONGEST_S = 0.5, 15.0
#: One line about a shortage is enough for so many seconds.
_QUIET_S = 60.0


class Shortage:
    """What keeps a host from starting attempts though it may claim them.

    After a failure nothing is started for a while, and then one at a time until one succeeds.
    """

    def __init__(
        self,
        clock: Clock,
        after: Callable[[float, Callable[[], None]], None],
        left: Callable[[], int] = descriptors_left,
    ) -> None:
        self._clock = clock
        self._after = after
        self._left = left
        self._backoff = Backoff(_FIRST_S, _LONGEST_S)
        self._told_at: float | None = None

    def room(self, running: int) -> int:
        """Return how many more may be started now beside so many that run."""
        if self._backoff.left_s(self._clock.monotonic()) > 0:
            return 0
        room = 1 if self._backoff.failures else sys.maxsize
        fits = (self._left() - RESERVE) // DESCRIPTORS_EACH
        return min(room, fits if running else max(fits, 1))

    def fail(self, reason: str) -> None:
        """Hold still: something that an attempt needs cannot be had now."""
        now = self._clock.monotonic()
        if self._backoff.left_s(now) > 0:
            return  # of the same moment
        self._after(self._backoff.fail(now), _wake)
        if self._told_at is None or now - self._told_at >= _QUIET_S:
            self._told_at = now
            logger.warning("attempts wait, since none can be started now: %s", reason)

    def succeed(self) -> None:
        """Take note that an attempt was started."""
        self._backoff.succeed()


def _wake() -> None:
    """Do nothing: the turn that this timer makes looks whether there is room."""

"""Passes of the loop that failed in a row: how long to hold still, and what is told of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_lite.processes.backoff import Backoff
from airflow_lite.store.faults import (
    MOST_PASSING,
    advice_on,
    cause_of,
    is_database_error,
    is_of_rows,
    is_passing,
)

if TYPE_CHECKING:
    from airflow_lite.clock import Clock

logger = logging.getLogger(__name__)

#: After so many passes in a row that failed, the loop gives up, so that it can be started anew.
MOST_FAILURES = 10
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 5.0


@dataclass
class FailedPasses:
    """An outage of the database is waited for without end: what runs goes on meanwhile."""

    clock: Clock
    _backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_RETRY_S, _LONGEST_RETRY_S))
    _own_count: int = 0  # of those that were not the database's fault
    _told: set[str] = field(default_factory=set)  # what is wrong with the database, each once

    def add(self, error: Exception) -> None:
        """Note a pass that failed; raise `error` if there were too many."""
        delay_s = self._backoff.fail(self.clock.monotonic())
        if is_passing(error) and self._backoff.failures <= MOST_PASSING:
            logger.info("a pass is made again, another writer was in its way: %s", cause_of(error))
            return
        if is_database_error(error) and not is_of_rows(error):
            self._tell_outage(cause_of(error))
            return
        self._own_count += 1
        if self._own_count >= MOST_FAILURES:
            raise error
        logger.error("a pass failed; next try in %g s", delay_s, exc_info=error)

    def clear(self) -> None:
        """Note a pass that did not fail."""
        if self._told:
            logger.info("the metadata database can be used again")
        self._backoff.succeed()
        self._own_count = 0
        self._told.clear()

    def pause_s(self, most_s: float | None = None) -> float:
        """Return how long not to try again: at most `most_s` after the last failure."""
        return self._backoff.left_s(self.clock.monotonic(), most_s)

    def _tell_outage(self, cause: str) -> None:
        trouble = advice_on(cause) or cause  # it may name another table each time
        if trouble not in self._told:
            logger.error(
                "the metadata database cannot be used: %s; it is tried again until it can", cause
            )
        self._told.add(trouble)

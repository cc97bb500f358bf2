"""The DAG files: looked at now and then, parsed in child processes, saved in the store.

Looking, parsing and saving happen on a thread of their own, so that the loop never waits for them;
the store is safe to use from it. The thread lives for one pass only: idle costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from airflow_lite.scheduler.dag_files.scan import DagFileProcessor
from airflow_lite.store.faults import cause_of, is_database_error
from airflow_lite.store.jobs import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.store.dags import Saved
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)


class DagFiles:
    """The DAG files of one scheduler. Every method is for the loop's thread and returns at once.

    `wake` is called on the pass's thread when `poll` has something new.
    """

    def __init__(
        self, config: Config, store: Store, clock: Clock, *, wake: Callable[[], None] | None = None
    ) -> None:
        self._stop = threading.Event()
        self._config = config
        self._work = DagFileProcessor(config, store, clock, self._stop.is_set)
        self._clock = clock
        self._wake = wake or (lambda: None)
        self._interval_s = config.getfloat("scheduler", "min_file_process_interval")
        self._due = clock.monotonic()
        self._saved: deque[Saved] = deque()
        self._thread: threading.Thread | None = None
        self.is_busy = False  # a pass is under way
        self.has_looked = False  # a pass is over, and all that it saved is to be had by `poll`
        self._noticed: set[str] = set()
        self._outage: str | None = None  # of the database, as it was told
        self._logged_errors: dict[str, str | None] = {}  # by path: a retry seldom changes them

    def due_in_s(self) -> float:
        """Return seconds until `tick` has something to do: the longest that the loop may sleep."""
        if self.is_busy:
            return self._interval_s
        return max(self._due - self._clock.monotonic(), 0.0)

    def look_soon(self) -> None:
        """Have the next `tick` start a pass: someone said that files have changed."""
        self._due = self._clock.monotonic()

    def tick(self) -> bool:
        """Start a pass if one is due and none is under way; return whether it did."""
        if self._stop.is_set() or self.is_busy or self._clock.monotonic() < self._due:
            return False
        self._due = self._clock.monotonic() + self._interval_s
        self._thread = threading.Thread(target=self._pass, name="dag-files", daemon=True)
        self.is_busy = True
        self._thread.start()
        return True

    def poll(self) -> list[Saved]:
        """Return what was saved since the last call."""
        news = []
        while self._saved:
            news.append(self._saved.popleft())
        return news

    def close(self, timeout_s: float = 5.0) -> bool:
        """Stop the pass that is under way, with its children; return whether it ended in time."""
        self._stop.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _pass(self) -> None:
        try:
            if not self.has_looked:
                self._warn_of_plugins()
            scan = self._work.scan()
            self._notice(scan.notices)
            for saved in self._work.process(scan.changed, scan.gone):
                self._report(saved)
            if self._stop.is_set():
                return
            for saved in self._work.forget(scan.gone):
                self._report(saved)
            self.has_looked = True
            self._outage = None
        except LeaseLost:
            pass  # the loop meets it as well, and ends for it
        except Exception as error:
            self._complain(error)  # the next pass tries again
        finally:
            self.is_busy = False  # before the loop looks, so that it may start the next
            self._wake()

    def _warn_of_plugins(self) -> None:
        """Log what plugins for DAG files warn of, though no file may have changed."""
        from airflow_lite.plugins.authoring import authoring_hooks

        authoring_hooks(self._config, warns=True)

    def _complain(self, error: Exception) -> None:
        """Tell that a pass failed; an outage of the database in one line, and once."""
        if not is_database_error(error):
            logger.error(
                "The DAG files could not be processed; they are looked at again.", exc_info=error
            )
            return
        cause = cause_of(error)
        if cause != self._outage:
            logger.error("The DAG files cannot be saved: %s; they are looked at again.", cause)
        self._outage = cause

    def _notice(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line not in self._noticed:
                self._noticed.add(line)
                logger.warning("%s", line)

    def _report(self, saved: Saved) -> None:
        is_logged = self._logged_errors.get(saved.path) == saved.error
        log(saved._replace(error=None) if is_logged else saved)
        self._logged_errors[saved.path] = saved.error
        self._saved.append(saved)
        self._wake()


def log(saved: Saved) -> None:
    """Log what is new about a file: its error, and what its import warned of.

    What of its DAGs has no effect is told by the loop, which may get them from another process.
    """
    if saved.error is not None:
        logger.error("%s cannot be imported: %s", saved.path, saved.error)
    for line in saved.warnings:
        logger.warning("%s", line)

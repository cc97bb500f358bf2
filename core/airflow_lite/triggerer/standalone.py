"""A triggerer that a user starts: it runs the triggers of every DAG, on its own machine.

Several share them, each up to its capacity. While one of them lives, schedulers run none.
"""

from __future__ import annotations

import logging
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S, SystemClock
from airflow_lite.processes.proc import process_space, process_start
from airflow_lite.processes.recorded import is_gone
from airflow_lite.processes.timers import Timers
from airflow_lite.processes.waker import Waker
from airflow_lite.store import deferrals, jobs
from airflow_lite.store.faults import cause_of, is_database_error
from airflow_lite.triggerer.answering import answers
from airflow_lite.triggerer.process import TriggerProcess
from airflow_lite.triggerer.writing import start_orders, write_reports

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store
    from airflow_lite.triggerer.messages import RunnerReport

logger = logging.getLogger(__name__)

KIND = "triggerer"
#: Seconds between two looks at the store: nobody tells a triggerer what was deferred.
_LOOK_S = 1.0
#: A triggerer that has not beaten for so many seconds is dead to all others.
_SILENT_S = 15.0


def live_triggerers(connection: sa.Connection, config: Config) -> list[int]:
    """Return the jobs of the triggerers of users that live."""
    return [
        row.id
        for row in jobs.running_jobs(connection, KIND)
        if row.silent_us < _SILENT_S * US_PER_S and not is_gone(row, config.hostname)
    ]


class Triggerer:
    """Takes deferred instances that nobody runs the triggers of, and has them run."""

    def __init__(self, config: Config, store: Store, capacity: int) -> None:
        self._config = config
        self._store = store
        self._capacity = capacity
        self._clock = SystemClock()
        self._waker = Waker()
        self._timers = Timers(self._clock.monotonic)
        answer = partial(answers, store, config)
        self._process = TriggerProcess(config, self._clock, self._waker, answer)
        self._unwritten: list[RunnerReport] = []
        self._is_asked_to_stop = False
        self._outage: str | None = None
        with store.begin() as connection:
            self._job_id = self._begin_job(connection)

    def run(self) -> None:
        """Run triggers until SIGTERM or SIGINT; main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._waker.wake_on_signals()
        self._timers.after("look", 0.0)
        try:
            while not self._is_asked_to_stop:
                self._turn()
                self._waker.wait(self._wait_s())
        finally:
            self._close()

    def _wait_s(self) -> float:
        wait_s = self._timers.wait_s(_LOOK_S)
        due_s = self._process.wait_s() if self._outage is None else None  # or it would turn on
        return wait_s if due_s is None else min(wait_s, due_s)

    def _stop(self, _number: int, _frame: object) -> None:
        self._is_asked_to_stop = True

    def _turn(self) -> None:
        try:
            self._unwritten += self._process.poll()
            if self._unwritten:
                self._write()
            if self._timers.take("look"):
                self._look()
        except Exception as error:
            if not is_database_error(error):
                raise
            self._tell_outage(str(cause_of(error)))
        else:
            self._tell_outage(None)
        self._timers.set_if_none("look", _LOOK_S)

    def _write(self) -> None:
        actor, now_us = f"triggerer {self._job_id}", self._clock.now_us()
        write_reports(self._store, self._unwritten, actor, now_us, rings=True)
        self._unwritten.clear()

    def _look(self) -> None:
        """Beat, bury the dead, and take what nobody runs; stop what nobody waits for."""
        now_us = self._clock.now_us()
        with self._store.begin() as connection:
            if not jobs.beat(connection, self._job_id):  # it was held up for long
                self._job_id = self._begin_job(connection)
            live = {self._job_id, *live_triggerers(connection, self._config)}
            dead = {row.id for row in jobs.running_jobs(connection, KIND)} - live
            jobs.end_jobs(connection, dead, state="failed", now_us=now_us)
            rows = deferrals.claim(connection, self._job_id, self._capacity)
        orders = start_orders(rows)
        wanted, running = {order.key for order in orders}, self._process.keys
        self._process.stop(running - wanted)
        self._process.start(order for order in orders if order.key not in running)

    def _begin_job(self, connection: sa.Connection) -> int:
        return jobs.start_job(
            connection,
            kind=KIND,
            hostname=self._config.hostname,
            pid=os.getpid(),
            boot_id=process_space(),
            process_start=process_start(os.getpid()),
            executor="",
            now_us=self._clock.now_us(),
        )

    def _tell_outage(self, outage: str | None) -> None:
        if outage != self._outage:
            self._outage = outage
            logger.warning("%s", outage or "the database is there again")

    def _close(self) -> None:
        self._process.close()
        with self._store.begin() as connection:
            now_us = self._clock.now_us()
            jobs.end_jobs(connection, [self._job_id], state="success", now_us=now_us)
        self._waker.close()

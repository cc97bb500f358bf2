"""Waiting for a run that a scheduler runs, and showing meanwhile how it goes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from airflow_lite.cli import context
from airflow_lite.cli.runs.progress import progress
from airflow_lite.errors import DagRunNotFound, UserError
from airflow_lite.scheduler.state.run_log import try_line
from airflow_lite.states import RUN_FINISHED, TaskInstanceState
from airflow_lite.store import listing
from airflow_lite.store.notes import EXECUTOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import RowMapping

#: How long to sleep between two looks: at first, and at last.
SHORTEST_S, LONGEST_S = 0.05, 0.5
#: What follows of itself, at once, is not shown.
_PASSING = frozenset({None, TaskInstanceState.SCHEDULED, TaskInstanceState.RUNNING})


def wait_for_run(
    args: context.Args, run: RowMapping, task_count: int, *, timeout_s: float | None
) -> str:
    """Return the state that a run ended in, and show on stderr how it goes until then.

    Raises `UserError` when it has not ended within `timeout_s`, and `DagRunNotFound` when it was
    deleted. Ctrl-C ends the waiting alone, and says so.
    """
    try:
        with progress(task_count, live=True, to=sys.stderr) as show:
            return _Wait(args, run, show).until_over(timeout_s)
    except KeyboardInterrupt:
        context.notice(
            f"\nNo longer waiting: run {run['run_id']!r} of DAG {run['dag_id']!r} goes on."
            f" See `airflow-lite dags list-runs -d {run['dag_id']}`."
        )
        raise


class _Wait:
    """One wait: what was shown, and until when."""

    def __init__(self, args: context.Args, run: RowMapping, show: Callable[[str], None]) -> None:
        self._args = args
        self._run = run
        self._show = show
        self._last_event: int | None = None

    def until_over(self, timeout_s: float | None) -> str:
        """Look often at first, twice a second at last."""
        started_s, pause_s = time.monotonic(), SHORTEST_S
        while (state := self._look()) not in RUN_FINISHED:
            if timeout_s is not None:
                pause_s = min(pause_s, timeout_s - (time.monotonic() - started_s))
            if pause_s <= 0:
                raise UserError(
                    f"Run {self._run['run_id']!r} of DAG {self._run['dag_id']!r} has not ended"
                    f" within {timeout_s:g} s; it is {state}. See"
                    f" `airflow-lite dags list-runs -d {self._run['dag_id']}`."
                )
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.2, LONGEST_S)
        return state

    def _look(self) -> str:
        """Show what is new, and return the state of the run."""
        with context.store(self._args).read() as connection:
            state = listing.run_state(connection, self._run["id"])
            events = listing.events_of_run(connection, self._run["id"], self._last_event)
        for event in events:
            self._last_event = event["id"]
            if event["to_state"] not in _PASSING and event["actor"] != EXECUTOR:
                self._show(_line(self._run["dag_id"], event))
        if state is None:
            raise DagRunNotFound("The run was deleted before it ended. Trigger it again.")
        return state


def _line(dag_id: str, event: RowMapping) -> str:
    key = (dag_id, event["task_id"], event["map_index"], event["try_number"])
    return try_line(key, event["to_state"], event["cause"])

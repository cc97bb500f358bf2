"""Waiting for what a scheduler does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_lite.errors import DagRunNotFound
from airflow_lite.states import RUN_FINISHED

if TYPE_CHECKING:
    from airflow_lite.store.engine import Store

SHORTEST_S = 0.05
LONGEST_S = 0.5


def wait_for_run(store: Store, run_row_id: int, *, timeout_s: float | None) -> str | None:
    """Return the state that a run ended in; None if it has not within `timeout_s`.

    Looks often at first, twice a second at last. Raises `DagRunNotFound` if it is deleted.
    """
    from airflow_lite.store.listing import run_state

    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s = SHORTEST_S
    while True:
        with store.read() as connection:
            state = run_state(connection, run_row_id)
        if state is None:
            raise DagRunNotFound("The run was deleted while it was waited for.")
        if state in RUN_FINISHED:
            return state
        left_s = pause_s if deadline is None else deadline - time.monotonic()
        if left_s <= 0:
            return None
        time.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.2, LONGEST_S)

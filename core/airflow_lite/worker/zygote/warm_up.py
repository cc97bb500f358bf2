"""A task run for nothing in the base zygote, so that every child finds the way worn.

The interpreter adapts code to its use the first times it runs, and writes into memory to do so.
What is adapted before the fork is shared; in a child it would cost a page copy each time.
"""

from __future__ import annotations

import json
import logging
import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.dag import DAG
from airflow_lite.authoring.operators.python import PythonOperator
from airflow_lite.task_logger import task_logger
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task.child import measured
from airflow_lite.worker.task.environment import kept_environment
from airflow_lite.worker.task.execution import Execution

if TYPE_CHECKING:
    from airflow_lite.worker.task.child import TaskOutput
    from airflow_lite.worker.task.store_client import Found

#: CPython adapts a function at its eighth call, and what it then does within the next few.
ROUNDS = 24
#: A level above all that is logged.
_NOTHING = logging.CRITICAL + 1
_NOW_US = 1_700_000_000_000_000


class _NoApi:
    """The store of a rehearsal: takes everything, holds nothing."""

    def push(self, key: str, value: str) -> None:
        pass

    def pull(self, query: dict[str, Any]) -> list[Found]:
        return []

    def previous_run(self, state: str | None) -> dict[str, Any] | None:
        return None

    def rendered(self, fields: str) -> None:
        pass

    def finished_tasks(self) -> list[dict[str, Any]]:
        return []

    def task_instances(self, run_row_id: int) -> list[dict[str, Any]]:
        return []

    def first_reschedule(self, try_number: int) -> int | None:
        return None

    def given_state(self) -> str | None:
        return None


def warm_up(output: TaskOutput, rounds: int = ROUNDS) -> None:
    """Run a task that does nothing, its log going nowhere; leave the environment as it was.

    Where the DAG file watches what tasks log, nothing is logged.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    output.file.open(null, 1 << 20)
    disabled, own = logging.root.manager.disable, task_logger()
    level = own.level
    if _is_watched():
        logging.disable()
        own.setLevel(_NOTHING)
    try:
        with kept_environment():
            for _ in range(rounds):
                _run(_task())
    finally:
        logging.disable(disabled)
        own.setLevel(level)
        os.close(null)


def _is_watched() -> bool:
    """Whether somebody but the root's own handler sees what tasks log."""
    loggers = logging.root.manager.loggerDict.items()
    return any(
        getattr(logger, "handlers", None) or getattr(logger, "filters", None)
        for name, logger in loggers
        if name.partition(".")[0] == "airflow_lite"
    )


@cache
def _task() -> PythonOperator:
    """Make the task, once: what is forked later has it."""
    with DAG("rehearsal", schedule=None):
        return PythonOperator(task_id="rehearsal", python_callable=_nothing)


def _run(task: Any) -> None:
    told = json.loads(json.dumps(_request().to_message()))
    execution = Execution(AttemptRequest.from_message(told), task, _NoApi())
    outcome = execution.run()
    execution.callbacks()
    json.dumps(measured(outcome).to_message(), separators=(",", ":"), ensure_ascii=False)


def _request() -> AttemptRequest:
    moments = ("logical_us", "interval_start_us", "interval_end_us", "queued_us", "start_us")
    run: dict[str, Any] = {
        "id": 0,
        "dag_id": "rehearsal",
        "run_id": "rehearsal",
        "run_type": "manual",
        "state": "running",
        "conf": {},
        "external_trigger": True,
        "clear_number": 0,
        "end_us": None,
        **dict.fromkeys(moments, _NOW_US),
    }
    key = ("rehearsal", "rehearsal", "rehearsal", 1, -1, "")
    return AttemptRequest(key, run, start_us=time.time_ns() // 1000)


def _nothing() -> None:
    pass

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
from airflow_lite.processes.channel import encoded
from airflow_lite.processes.packing import packed, unpacked
from airflow_lite.task_logger import task_logger
from airflow_lite.worker.messages import (
    TO_ZYGOTE,
    AttemptRequest,
    ForkAttempt,
    ReportOutcome,
    RetryPolicy,
)
from airflow_lite.worker.task.child import measured
from airflow_lite.worker.task.execution import Execution, kept_environment
from airflow_lite.worker.task.store_client import StoreClient

if TYPE_CHECKING:
    from airflow_lite.worker.messages import Question
    from airflow_lite.worker.task.child import TaskOutput

#: CPython adapts a function at its eighth call, and what it then does within the next few.
ROUNDS = 24
#: A level above all that is logged.
_NOTHING = logging.CRITICAL + 1
_NOW_US = 1_700_000_000_000_000


class _NoStore(StoreClient):
    """The store of a task that is run for nothing: takes everything, holds nothing."""

    def push(self, key: str, value: str) -> None:
        pass

    def rendered(self, fields: str) -> None:
        pass

    def ask(self, question: Question) -> Any:
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
    order = unpacked(json.loads(encoded(packed(ForkAttempt(_request())))), TO_ZYGOTE)
    assert isinstance(order, ForkAttempt)  # as it was packed
    execution = Execution(order.request, task, _NoStore())
    execution.prepare()
    outcome = execution.run()
    execution.callbacks()
    encoded(packed(ReportOutcome(measured(outcome), RetryPolicy.of(task), has_more=False)))


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

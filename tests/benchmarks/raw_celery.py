"""The raw side of `celery_throughput.py`: a Celery application whose task is `forked_task.run`.

A worker's processes share one helper, which is started before they are. Nothing is stored as a
result; each task that has succeeded adds one byte to a file, whose length says how many have.
"""

from __future__ import annotations

import os
from functools import cache

import forked_task  # type: ignore[import-not-found]  # beside this script
from celery import Celery, signals


def make_app(environ):
    """Return the application, by the variables that the benchmark sets."""
    app = Celery("raw", broker=environ["BENCH_BROKER"], set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        task_acks_late=True,
        task_default_queue=environ["BENCH_QUEUE"],
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
    )
    if environ["BENCH_BROKER"].startswith("redis"):
        app.conf.broker_transport_options = {"global_keyprefix": environ["BENCH_QUEUE"]}
    app.task(run, name="run")
    return app


def run(number):
    """Have one task run."""
    forked_task.run(number, os.environ["BENCH_DAG_FILE"])
    os.write(_done(), b".")


@cache
def _done():
    return os.open(os.environ["BENCH_DONE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@signals.worker_init.connect
def start_helper(**_):
    """Start the helper of all processes of this worker."""
    forked_task._helper_of(os.environ["BENCH_DAG_FILE"])


app = make_app(os.environ) if "BENCH_BROKER" in os.environ else None

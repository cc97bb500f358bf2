"""The queues and the workers as rows of tables, for commands and the web page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite_celery_executor.health import faults, waited_in

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite_celery_executor.looking import View, Worker


def queue_rows(view: View, config: Config) -> list[dict[str, Any]]:
    """Return a row for each queue that a worker hears or a task waits in, and the refused one."""
    workers = view.workers()
    names = {queue for each in workers for queue in each.status["queues"]}
    names |= {config.get("operators", "default_queue"), *waited_in(config)}
    rows = [_queue_row(queue, view.depth(queue), workers, config) for queue in sorted(names)]
    refused = view.names.refused
    return [*rows, _row(refused, "refused messages", view.depth(refused), [], [], config)]


def worker_rows(view: View, config: Config) -> list[dict[str, Any]]:
    """Return a row for each worker that answers."""
    return [
        {
            "worker_name": each.name,
            "queues": each.status["queues"],
            "slots": each.status["slots"],
            "running": len(each.status["running"]),
            "version": _version(each),
            "clock_skew_s": round(each.skew_s, 1),
            "refused": each.status["refused"],
            "faults": list(faults(each, config)),
        }
        for each in view.workers()
    ]


def _queue_row(queue: str, waiting: int, workers: list[Worker], config: Config) -> dict[str, Any]:
    serving = [each for each in workers if queue in each.status["queues"]]
    if not serving:
        state = "no worker"
    elif all(each.status["fault"] for each in serving):
        state = str(serving[0].status["fault"])
    else:
        state = "ready"
    ages = [age for each in workers for age in each.status["unacknowledged"].get(queue, ())]
    return _row(queue, state, waiting, serving, ages, config)


def _row(
    queue: str,
    state: str,
    waiting: int,
    serving: list[Worker],
    ages: list[float],
    config: Config,
) -> dict[str, Any]:
    attempts = [token for each in serving for token in each.status["running"]]
    return {
        "queue": queue,
        "state": state,
        "waiting": waiting,
        "slots": sum(each.status["slots"] for each in serving),
        "running": len(attempts),
        "workers": [each.name for each in serving],
        "versions": [_version(each) for each in serving],
        "clock_skew_s": [round(each.skew_s, 1) for each in serving],
        "faults": [f"{each.name} {fault}" for each in serving for fault in faults(each, config)],
        "unacknowledged": len(ages),
        "oldest_unacknowledged_s": max(ages, default=None),
        "attempts": attempts,
    }


def _version(worker: Worker) -> str:
    return str(worker.status["versions"]["airflow-lite-celery-executor"])

"""Whether the broker answers, and its workers are fit for this scheduler's tasks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.hooks import HealthReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.hooks import HealthContext
    from airflow_lite_celery_executor.looking import Worker

#: A clock that is off by more seconds makes logs and dates confusing.
MOST_SKEW_S = 5.0
#: Of the time for the whole check, what workers have to answer.
_SHARE = 0.3


def report(context: HealthContext) -> HealthReport:
    """Ask the broker, and let every worker tell what its machine has."""
    from airflow_lite_celery_executor.looking import BrokerUnreachable, looking

    try:
        with looking(context.config, context.timeout_s * _SHARE) as view:
            workers = view.workers(context.timeout_s * _SHARE)
    except BrokerUnreachable as error:
        return HealthReport(False, str(error))
    return judge(workers, context.config)


def judge(workers: list[Worker], config: Config) -> HealthReport:
    """Compare the answers of the workers with this machine."""
    if not workers:
        return HealthReport(
            False,
            "No Celery worker with this home's celery.key answers. Start one with"
            " `airflow-lite celery worker`.",
        )
    found = [f"{worker.name} {fault}" for worker in workers for fault in faults(worker, config)]
    heard = {queue for worker in workers for queue in worker.status["queues"]}
    found += [
        f"no worker takes tasks from queue {queue!r}: start one with"
        f" `airflow-lite celery worker --queues {queue}`"
        for queue in sorted({config.get("operators", "default_queue"), *waited_in(config)} - heard)
    ]
    if found:
        return HealthReport(False, "; ".join(found))
    count = f"{len(workers)} Celery worker{'s' if len(workers) > 1 else ''}"
    return HealthReport(True, f"The broker and {count} answer.")


def waited_in(config: Config) -> set[str]:
    """Return the queues in which tasks are queued for this executor, as far as the store tells."""
    from airflow_lite.cli import UserError, queued_tasks

    with suppress(UserError):  # the broker and the workers are looked at all the same
        return {*queued_tasks(config, "CeleryExecutor")}
    return set()


def faults(worker: Worker, config: Config) -> Iterator[str]:
    """Tell in what a worker does not fit to this machine."""
    from airflow_lite_celery_executor.worker.surroundings import look_around

    here, there = look_around(config), worker.status
    if there["fault"]:
        yield f"takes no tasks: {there['fault']}"
    for name, version in here["versions"].items():
        theirs = there["versions"].get(name)
        if theirs != version:
            yield f"has {name} {theirs}, this machine {version}: install the same everywhere"
    if not there["sees_dags_folder"]:
        yield f"has no folder {there['dags_folder']!r}: set [core] dags_folder there"
    if there["database"] != here["database"]:
        yield (
            f"uses database {there['database']!r}, this machine {here['database']!r}: set"
            " [database] sql_alchemy_conn there"
        )
    if abs(worker.skew_s) > MOST_SKEW_S:
        how = "ahead" if worker.skew_s > 0 else "behind"
        yield f"has a clock that is {abs(worker.skew_s):.0f} s {how}: set it"

"""The hooks of this distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand
    from airflow_lite.config import ConfigOption
    from airflow_lite.hooks import HealthContext, HealthReport, WebPanel, WebPanelContext


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    """Return the group `celery`."""
    from airflow_lite_celery_executor.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the options in [celery]."""
    from airflow_lite.config import ConfigOption
    from airflow_lite_celery_executor.settings import OPTIONS

    return [ConfigOption("celery", *row) for row in OPTIONS]


@hookimpl
def check_health(context: HealthContext) -> HealthReport | None:
    """Say whether the broker answers, and its workers are fit for this scheduler's tasks."""
    from airflow_lite_celery_executor.health import report

    return report(context)


@hookimpl
def get_web_panels(context: WebPanelContext) -> list[WebPanel]:
    """Return the queues and the workers."""
    from airflow_lite.hooks import WebPanel
    from airflow_lite_celery_executor.looking import BrokerUnreachable, looking
    from airflow_lite_celery_executor.tables import queue_rows, worker_rows

    queues = ("queue", "state", "waiting", "slots", "running", "unacknowledged", "faults")
    workers = ("worker_name", "queues", "slots", "running", "version", "clock_skew_s")
    try:
        with looking(context.config) as view:
            return [
                WebPanel("Celery queues", queues, queue_rows(view, context.config)),
                WebPanel("Celery workers", workers, worker_rows(view, context.config)),
            ]
    except BrokerUnreachable as error:
        return [WebPanel("Celery queues", text=str(error))]

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
    """Return the group `dask`."""
    from airflow_lite_dask_executor.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the options in [dask]."""
    from airflow_lite.config import ConfigOption
    from airflow_lite_dask_executor.settings import OPTIONS

    return [ConfigOption("dask", *row) for row in OPTIONS]


@hookimpl
def check_health(context: HealthContext) -> HealthReport | None:
    """Say whether the cluster answers, and its workers see the DAG folder and the database."""
    from airflow_lite_dask_executor.health import report

    return report(context)


@hookimpl
def get_web_panels(context: WebPanelContext) -> list[WebPanel]:
    """Return the workers of the cluster."""
    from airflow_lite.cli import UserError
    from airflow_lite.hooks import WebPanel
    from airflow_lite_dask_executor.looking import worker_rows

    try:
        rows = worker_rows(context.config)
    except UserError as error:
        return [WebPanel("Dask workers", text=str(error))]
    columns = ("worker", "state", "running", "threads", "queues", "memory_mb")
    return [WebPanel("Dask workers", columns, rows)]

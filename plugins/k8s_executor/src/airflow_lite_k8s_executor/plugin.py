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
    """Return the group `kubernetes`."""
    from airflow_lite_k8s_executor.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the options in [kubernetes]."""
    from airflow_lite.config import ConfigOption
    from airflow_lite_k8s_executor.settings import OPTIONS, SECTION

    return [ConfigOption(SECTION, *row) for row in OPTIONS]


@hookimpl
def check_health(context: HealthContext) -> HealthReport | None:
    """Say whether the API server allows what the executor does, and pods reach the database."""
    from airflow_lite_k8s_executor.health import report

    return report(context)


@hookimpl
def get_web_panels(context: WebPanelContext) -> list[WebPanel]:
    """Return the pods of tasks."""
    from airflow_lite.cli import UserError
    from airflow_lite.hooks import WebPanel
    from airflow_lite_k8s_executor.looking import connected, pod_rows

    try:
        with connected(context.config) as (settings, connection):
            rows = pod_rows(settings, connection)
    except UserError as error:
        return [WebPanel("Pods", text=str(error))]
    columns = ("pod", "dag_id", "task_id", "run_id", "try_number", "state", "reason", "age_s")
    return [WebPanel("Pods", columns, rows)]

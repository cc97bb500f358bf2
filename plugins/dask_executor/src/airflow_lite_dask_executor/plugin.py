"""The hooks of this distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand
    from airflow_lite.config import ConfigOption
    from airflow_lite.hooks import HealthContext, HealthReport


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

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

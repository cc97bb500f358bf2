"""What this distribution adds to airflow-lite: commands, options, a health check.

Imported for each of its commands, so it must be quick: import what is heavy in the functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import ConfigOption, HealthReport, hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand
    from airflow_lite.hooks import HealthContext


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    """Return the group `my_executor`."""
    from my_executor.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the options in [my_executor]."""
    return [
        ConfigOption(
            "my_executor",
            "kill_grace_s",
            "5",
            "Seconds that a task which is taken back has from SIGTERM to SIGKILL.",
        )
    ]


@hookimpl
def check_health(context: HealthContext) -> HealthReport:
    """Say whether the command that runs a task can be found."""
    from my_executor.executor import search_path, which_airflow_lite

    program = which_airflow_lite()
    if program is None:
        return HealthReport(
            False, f"airflow-lite is not on PATH ({search_path()}). Add the folder that holds it."
        )
    return HealthReport(True, f"tasks are run by {program}")

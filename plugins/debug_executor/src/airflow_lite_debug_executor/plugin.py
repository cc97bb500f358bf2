"""What this distribution adds to airflow-lite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand
    from airflow_lite.config import ConfigOption


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    """Return the group `debug`."""
    from airflow_lite_debug_executor.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the options in [debug]."""
    from airflow_lite.config import ConfigOption

    return [
        ConfigOption(
            "debug", "fail_fast", "False", "Whether no task runs after one of its run has failed."
        ),
        ConfigOption(
            "debug", "pdb", "False", "Whether the debugger opens in the frame where a task raised."
        ),
    ]

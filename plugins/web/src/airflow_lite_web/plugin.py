"""The hooks of this distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand
    from airflow_lite.config import ConfigOption


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    """Return the group `web`."""
    from airflow_lite_web.cli_spec import GROUP

    return [GROUP]


@hookimpl
def get_config_options() -> list[ConfigOption]:
    """Return the options in [web]."""
    from airflow_lite.config import ConfigOption
    from airflow_lite_web.settings import OPTIONS, SECTION

    return [ConfigOption(SECTION, *row) for row in OPTIONS]

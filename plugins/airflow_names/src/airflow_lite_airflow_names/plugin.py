"""The hooks of this distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.hooks import hookimpl

if TYPE_CHECKING:
    from airflow_lite.cli import GroupCommand


@hookimpl
def get_cli_commands() -> list[GroupCommand]:
    """Return the group `airflow-names`."""
    from airflow_lite_airflow_names.cli_spec import GROUP

    return [GROUP]

"""`airflow-lite plugins …`."""

from __future__ import annotations

from airflow_lite.cli.spec import ActionCommand, GroupCommand, lazy_load_command
from airflow_lite.cli.specs._common import OUTPUT

_COMMANDS = "airflow_lite.cli.commands.plugins"

COMMANDS = (
    GroupCommand(
        "plugins",
        "Look at the installed plugins",
        (
            ActionCommand(
                "list",
                "List the plugins and executors, and what is wrong with them",
                lazy_load_command(f"{_COMMANDS}.list_plugins"),
                (OUTPUT,),
            ),
        ),
    ),
)

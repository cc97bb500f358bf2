"""`airflow-lite my_executor …` as plain data.

Help, completion and the man page come from it.
"""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command

EXAMPLE = """\
example, with [core] executor = MyExecutor:
  airflow-lite my_executor settings -o json
"""

GROUP = GroupCommand(
    "my_executor",
    "Look at MyExecutor",
    (
        ActionCommand(
            "settings",
            "Show what MyExecutor goes by",
            lazy_load_command("my_executor.commands.settings"),
            (
                Arg(
                    ("-o", "--output"),
                    help="Format of the listing (default: table)",
                    choices=("table", "json", "yaml", "plain"),
                    default="table",
                ),
            ),
            epilog=EXAMPLE,
        ),
    ),
)

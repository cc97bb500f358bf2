"""`airflow-lite db …`."""

from __future__ import annotations

from airflow_lite.cli.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.cli.specs._common import YES
from airflow_lite.cli.types import positive_int

_COMMANDS = "airflow_lite.cli.commands.db"
_USE_FILES = Arg(
    ("-m", "--use-migration-files"),
    help="Make the tables by the migration files, step by step",
    action="store_true",
)

COMMANDS = (
    GroupCommand(
        "db",
        "Manage the metadata database",
        (
            ActionCommand(
                "migrate",
                "Make the metadata database, or bring it up to date",
                lazy_load_command(f"{_COMMANDS}.migrate"),
                (
                    Arg(("-r", "--to-revision"), help="Revision to go to (default: the newest)"),
                    Arg(
                        ("-s", "--show-sql-only"),
                        help="Print the SQL and change nothing",
                        action="store_true",
                    ),
                    _USE_FILES,
                ),
            ),
            ActionCommand(
                "check",
                "Check that the metadata database can be reached",
                lazy_load_command(f"{_COMMANDS}.check"),
                (
                    Arg(
                        "--retry",
                        help="Times to try again (default: 0)",
                        type=positive_int(allow_zero=True),
                        default=0,
                    ),
                    Arg(
                        "--retry-delay",
                        help="Seconds between tries (default: 1)",
                        type=positive_int(),
                        default=1,
                    ),
                ),
            ),
            ActionCommand(
                "reset",
                "Delete all that the metadata database holds",
                lazy_load_command(f"{_COMMANDS}.reset"),
                (
                    YES,
                    Arg(
                        ("-s", "--skip-init"),
                        help="Do not make the tables anew",
                        action="store_true",
                    ),
                    _USE_FILES,
                ),
            ),
        ),
    ),
)

"""`airflow-lite db …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import YES, command
from airflow_lite.cli.types import positive_int

_USE_FILES = switch(
    ("-m", "--use-migration-files"), "Make the tables by the migration files, step by step"
)

COMMANDS = (
    command(
        "migrate",
        "db.migrate",
        "Make the metadata database, or bring it up to date",
        Arg(("-r", "--to-revision"), "Revision to go to (default: the newest)"),
        switch(("-s", "--show-sql-only"), "Print the SQL and change nothing"),
        _USE_FILES,
    ),
    command(
        "check",
        "db.check",
        "Check that the metadata database can be reached and needs no migration",
        Arg(
            "--retry",
            "Times to try again (default: 0)",
            type=positive_int(allow_zero=True),
            default=0,
        ),
        Arg(
            "--retry-delay",
            "Seconds between tries (default: 1)",
            type=positive_int(),
            default=1,
        ),
    ),
    command(
        "reset",
        "db.reset",
        "Delete all that the metadata database holds",
        YES,
        switch(("-s", "--skip-init"), "Do not make the tables anew"),
        _USE_FILES,
    ),
)

"""`airflow-lite db …`."""

from __future__ import annotations

from airflow_lite.cli.options import YES, run_of, switch
from airflow_lite.cli.spec import ActionCommand, Arg
from airflow_lite.cli.types import positive_int

_USE_FILES = switch(
    ("-m", "--use-migration-files"), "Make the tables by the migration files, step by step"
)

COMMANDS = (
    ActionCommand(
        "migrate",
        "Make the metadata database, or bring it up to date",
        run_of("db.migrate"),
        (
            Arg(("-r", "--to-revision"), "Revision to go to (default: the newest)"),
            switch(("-s", "--show-sql-only"), "Print the SQL and change nothing"),
            _USE_FILES,
        ),
    ),
    ActionCommand(
        "check",
        "Check that the metadata database can be reached",
        run_of("db.check"),
        (
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
    ),
    ActionCommand(
        "reset",
        "Delete all that the metadata database holds",
        run_of("db.reset"),
        (YES, switch(("-s", "--skip-init"), "Do not make the tables anew"), _USE_FILES),
    ),
)

"""`airflow-lite db …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import YES, command
from airflow_lite.cli.types import moment, positive_int, words

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
        "clean",
        "db_clean.clean",
        "Delete old records: runs that ended, and what goes with them",
        Arg(
            "--clean-before-timestamp",
            "Delete what ended before this date, ISO 8601",
            type=moment,
            required=True,
        ),
        switch("--dry-run", "Print what would be deleted, delete nothing"),
        switch("--skip-archive", "No effect: nothing is archived"),
        Arg(
            ("-t", "--tables"),
            "Only these tables, comma-separated: task_event, callback_request, xcom, dag_run,"
            " dag_version, supervisor, job (default: all)",
            type=words,
        ),
        YES,
        description="Delete old records: runs that ended, and what goes with them.\n\n"
        "A run stays while it is not over, and while a run to come may depend on it: the newest\n"
        "of its DAG, and the newest that the schedule made. A scheduler may run meanwhile.",
        epilog="example: airflow-lite db clean --clean-before-timestamp 2024-01-31 --dry-run",
    ),
    command(
        "export",
        "db_transfer.export_records",
        "Write all that the metadata database holds to a file, for `db import`",
        Arg(
            "path",
            "File to write, for its owner alone; an older export there is replaced",
            metavar="FILE",
            completer="file",
        ),
        description="Write all that the metadata database holds to a file, for `db import`.\n\n"
        "The file is a zip archive with a file of JSON lines for each table, and is there once it\n"
        "is whole. No scheduler, backfill or `dags test` may run meanwhile.",
        epilog="example: airflow-lite db export airflow-lite.zip",
    ),
    command(
        "import",
        "db_transfer.import_records",
        "Fill an empty metadata database from a file of `db export`",
        Arg("path", "File that `db export` has written", metavar="FILE", completer="file"),
        description="Fill an empty metadata database from a file of `db export`.\n\n"
        "Either may be SQLite or PostgreSQL. The tables are made if need be. Where an import was\n"
        "cut short, call it again with the same file: it goes on where it was. Until its end no\n"
        "other command can use the database.",
        epilog="example: airflow-lite db import airflow-lite.zip",
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

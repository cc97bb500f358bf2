"""Arguments that several commands share, and those of the program itself."""

from __future__ import annotations

from airflow_lite.api.commands.spec import HELP, ActionCommand, Arg, lazy_load_command, switch
from airflow_lite.cli.types import moment, whole, words


def command(
    name: str,
    path: str,
    help: str,
    *args: Arg,
    description: str | None = None,
    epilog: str | None = None,
) -> ActionCommand:
    """Return a command that calls `MODULE.NAME` of `cli.commands`, imported when it is called."""
    func = lazy_load_command(f"airflow_lite.cli.commands.{path}")
    return ActionCommand(name, help, func, args, description, epilog)


def listing_arguments() -> tuple[Arg, ...]:
    """Return the arguments of every command that prints rows by `print_rows`."""
    return LISTING


EXECUTOR = Arg(
    "--executor",
    "Use this executor, over configuration and environment",
    metavar="NAME",
    completer="executor",
)
#: What stands before a command, or among its words.
GLOBAL = (
    HELP,
    switch("--version", "Show the version"),
    EXECUTOR,
    switch("--no-plugins", "Leave every plugin alone"),
)


DAG_ID = Arg("dag_id", "The id of the DAG", completer="dag_id")
TASK_ID = Arg("task_id", "The id of the task", completer="task_id")
RUN = Arg(
    "execution_date_or_run_id",
    "The run's id or logical date",
    metavar="RUN_ID_OR_DATE",
    completer="run_id",
)
OUTPUT = Arg(
    ("-o", "--output"),
    "Format of the listing (default: table)",
    metavar="(table, json, yaml, plain)",
    choices=("table", "json", "yaml", "plain"),
    default="table",
)
COLUMNS = Arg(
    "--columns", "Columns to show, comma-separated, in any format", type=words, metavar="NAME,NAME"
)
SHOW_VALUES = switch("--show-values", "Show secrets, too")
#: What every listing takes.
LISTING = (OUTPUT, COLUMNS)
YES = switch(("-y", "--yes"), "Do not ask for confirmation")
SUBDIR = Arg(
    ("-S", "--subdir"),
    "File or folder to look for the DAG in, instead of [core] dags_folder",
    completer="file",
)
MAP_INDEX = Arg("--map-index", "Index of a mapped task", type=whole, default=-1)
CONF = Arg(("-c", "--conf"), "JSON object that becomes dag_run.conf")
START_DATE = Arg(("-s", "--start-date"), "First logical date, ISO 8601", type=moment)
END_DATE = Arg(("-e", "--end-date"), "Last logical date, ISO 8601", type=moment)
REGEX = switch("--treat-dag-id-as-regex", "Take dag_id as a regular expression")

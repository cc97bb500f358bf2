"""Arguments that several groups share."""

from __future__ import annotations

from airflow_lite.cli.spec import Arg
from airflow_lite.cli.types import moment

DAG_ID = Arg("dag_id", help="The id of the DAG", completer="dag_id")
TASK_ID = Arg("task_id", help="The id of the task", completer="task_id")
RUN = Arg(
    "execution_date_or_run_id",
    help="The run's id or logical date",
    metavar="RUN_ID_OR_DATE",
    completer="run_id",
)
OUTPUT = Arg(
    ("-o", "--output"),
    help="Format of the listing (default: table)",
    metavar="(table, json, yaml, plain)",
    choices=("table", "json", "yaml", "plain"),
    default="table",
)
YES = Arg(("-y", "--yes"), help="Do not ask for confirmation", action="store_true")
SUBDIR = Arg(
    ("-S", "--subdir"),
    help="File or folder to look for the DAG in, instead of [core] dags_folder",
    completer="file",
)
MAP_INDEX = Arg("--map-index", help="Index of a mapped task", type=int, default=-1)
CONF = Arg(("-c", "--conf"), help="JSON object that becomes dag_run.conf")
START_DATE = Arg(("-s", "--start-date"), help="First logical date, ISO 8601", type=moment)
END_DATE = Arg(("-e", "--end-date"), help="Last logical date, ISO 8601", type=moment)
REGEX = Arg(
    "--treat-dag-id-as-regex", help="Take dag_id as a regular expression", action="store_true"
)

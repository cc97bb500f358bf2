"""`airflow-lite airflow-names …`, as data."""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command

_COMMANDS = "airflow_lite_airflow_names.commands."

_OUTPUT = Arg(
    ("-o", "--output"),
    help="How rows are printed (default: table)",
    choices=("table", "json", "yaml", "plain"),
    default="table",
)
_COLUMNS = Arg(
    "--columns",
    help="Columns to show, comma-separated",
    type=lambda text: text.split(","),
    metavar="NAME,NAME",
)

GROUP = GroupCommand(
    "airflow-names",
    "Have DAG files that were written for Airflow",
    (
        ActionCommand(
            "check",
            "Tell what DAG files that were written for Airflow would miss here",
            lazy_load_command(_COMMANDS + "check"),
            (
                Arg(
                    ("paths",),
                    help="DAG files, or folders of them",
                    nargs="+",
                    metavar="PATH",
                    completer="file",
                ),
                _OUTPUT,
                _COLUMNS,
            ),
            epilog="Each file is loaded as the scheduler does it; nothing is saved."
            " The exit code is 1 if one does not load.\n"
            "example: airflow-lite airflow-names check dags",
        ),
        ActionCommand(
            "install-provider",
            "Install providers of Airflow's without Airflow itself",
            lazy_load_command(_COMMANDS + "install_provider"),
            (
                Arg(
                    ("names",),
                    help="Providers, such as postgres, common-sql or amazon==9.2.0",
                    nargs="+",
                    metavar="NAME",
                ),
                Arg(
                    ("-n", "--dry-run"),
                    help="Say what would be installed, and install nothing",
                    action="store_true",
                ),
            ),
            epilog="example: airflow-lite airflow-names install-provider postgres http",
        ),
        ActionCommand(
            "list",
            "List the names of Airflow's modules, and what serves for those that are not offered",
            lazy_load_command(_COMMANDS + "list_names"),
            (
                Arg(
                    ("module",),
                    help="Those of this module alone, and of the modules below it",
                    nargs="?",
                    default="airflow",
                ),
                _OUTPUT,
                _COLUMNS,
            ),
            epilog="example: airflow-lite airflow-names list airflow.operators -o json",
        ),
    ),
)

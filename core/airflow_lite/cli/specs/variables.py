"""`airflow-lite variables …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import LISTING, SHOW_VALUES, command

_KEY = Arg("key", "The Variable's key", completer="variable")

COMMANDS = (
    command(
        "list",
        "variables.list_variables",
        "List the keys of the Variables of the metadata database",
        *LISTING,
        SHOW_VALUES,
    ),
    command(
        "get",
        "variables.get_variable",
        "Print the value of a Variable, wherever it is",
        _KEY,
        switch(("-j", "--json"), "Read the value as JSON"),
        Arg(("-d", "--default"), "Print this if there is no such Variable", metavar="VAL"),
    ),
    command(
        "set",
        "variables.set_variable",
        "Make a Variable of the metadata database, or change it",
        _KEY,
        Arg("value", "Its value", metavar="VALUE"),
        Arg("--description", "What the Variable is for"),
        switch(("-j", "--json"), "Keep the value as JSON"),
        epilog="example: airflow-lite variables set region north",
    ),
    command(
        "delete", "variables.delete_variable", "Delete a Variable of the metadata database", _KEY
    ),
    command(
        "import",
        "variables.import_variables",
        "Make Variables of a JSON file",
        Arg("file", "A file that holds a JSON object", completer="file"),
        Arg(
            ("-a", "--action-on-existing-key"),
            "What to do with a key that is there already (default: overwrite)",
            choices=("overwrite", "fail", "skip"),
            default="overwrite",
        ),
    ),
    command(
        "export",
        "variables.export_variables",
        "Write all Variables of the metadata database, in clear, to a JSON file",
        Arg("file", "The file; - is standard output", completer="file"),
    ),
)

"""`airflow-lite config …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import LISTING, command

COMMANDS = (
    command(
        "get-value",
        "config.get_value",
        "Print the value of one option",
        Arg("section", "The section name", completer="section"),
        Arg("option", "The option name", completer="option"),
        epilog="example: airflow-lite config get-value core executor",
    ),
    command(
        "list",
        "config.list_options",
        "List the options, as a configuration file",
        Arg("--section", "Only this section", completer="section"),
        switch(("-d", "--include-descriptions"), "Show what each option is for"),
        switch(("-e", "--include-examples"), "Show examples of values"),
        switch(("-s", "--include-sources"), "Show where each value comes from"),
        switch(("-V", "--include-env-vars"), "Show the environment variable of each option"),
        switch(("-c", "--comment-out-everything"), "Comment out every option"),
        switch(("-p", "--exclude-providers"), "Leave out the options of plugins"),
        switch(
            ("-a", "--defaults"),
            "Print a file of all defaults, each with what it is for, commented out",
        ),
        Arg(
            "--color",
            "Colour the output (default: auto)",
            choices=("on", "off", "auto"),
            default="auto",
        ),
    ),
    command(
        "import",
        "config_import.import_settings",
        "Take over the settings of an airflow.cfg",
        Arg("file", "The file (default: airflow.cfg in AIRFLOW_HOME)", nargs="?", metavar="FILE"),
        switch(("-n", "--dry-run"), "Only say what becomes of each setting; write nothing"),
        *LISTING,
        description="Take over the settings of an airflow.cfg, and say what becomes of each:"
        " carried over, refused, or without effect.",
        epilog="example: airflow-lite config import ~/airflow/airflow.cfg --dry-run",
    ),
)

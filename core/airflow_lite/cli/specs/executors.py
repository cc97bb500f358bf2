"""`airflow-lite executors …`."""

from __future__ import annotations

from airflow_lite.cli.options import OUTPUT, run_of
from airflow_lite.cli.spec import ActionCommand, Arg

COMMANDS = (
    ActionCommand(
        "list",
        "List the executors, and which one is configured",
        run_of("executors.list_executors"),
        (OUTPUT,),
    ),
    ActionCommand(
        "info",
        "Show all about one executor: its flags, commands, options",
        run_of("executors.info"),
        (
            Arg(
                "name",
                "Its name or module path (default: the one that is configured)",
                metavar="NAME",
                nargs="?",
                completer="executor",
            ),
            OUTPUT,
        ),
    ),
    ActionCommand(
        "certify",
        "Run the conformance kit on one executor",
        run_of("executors.certify"),
        (
            Arg(
                "executor",
                "Name of the executor, or the module path of its class",
                completer="executor",
            ),
            OUTPUT,
        ),
        epilog="Exits with 0 only if every case that applies has passed.\n"
        "example: airflow-lite executors certify my_company.executors.MyExecutor",
    ),
)

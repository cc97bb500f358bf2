"""`airflow-lite executors …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg
from airflow_lite.cli.options import LISTING, OUTPUT, command

COMMANDS = (
    command(
        "list",
        "executors.list_executors",
        "List the executors, and which one is configured",
        *LISTING,
    ),
    command(
        "info",
        "executors.info",
        "Show all about one executor: its flags, commands, options",
        Arg(
            "name",
            "Its name or module path (default: the one that is configured)",
            metavar="NAME",
            nargs="?",
            completer="executor",
        ),
        *LISTING,
    ),
    command(
        "certify",
        "executors.certify",
        "Run the conformance kit on one executor",
        Arg(
            "executor",
            "Name of the executor, or the module path of its class",
            completer="executor",
        ),
        OUTPUT,
        epilog="Exits with 0 only if every case that applies has passed.\n"
        "example: airflow-lite executors certify my_company.executors.MyExecutor",
    ),
)

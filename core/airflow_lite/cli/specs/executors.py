"""`airflow-lite executors …`."""

from __future__ import annotations

from airflow_lite.cli.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.cli.specs._common import OUTPUT

COMMANDS = (
    GroupCommand(
        "executors",
        "Try executors against their contract",
        (
            ActionCommand(
                "certify",
                "Run the conformance kit on one executor",
                lazy_load_command("airflow_lite.cli.commands.executors.certify"),
                (
                    Arg(
                        "executor",
                        help="Name of the executor, or the module path of its class",
                        completer="executor",
                    ),
                    OUTPUT,
                ),
                epilog="Exits with 0 only if every case that applies has passed.\n"
                "example: airflow-lite executors certify my_company.executors.MyExecutor",
            ),
        ),
    ),
)

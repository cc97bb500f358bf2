"""`airflow-lite debug …`, as data."""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command

GROUP = GroupCommand(
    "debug",
    "Run DAGs in this process, where a breakpoint works",
    (
        ActionCommand(
            "run",
            "Run a DAG once, every task in this process",
            lazy_load_command("airflow_lite_debug_executor.commands.run"),
            (
                Arg("dag_id", help="The DAG", completer="dag_id"),
                Arg(
                    "logical_date",
                    help="Logical date of the run, ISO 8601 (default: now)",
                    nargs="?",
                    metavar="LOGICAL_DATE",
                ),
                Arg(
                    "--fail-fast",
                    help="Run no further task after one has failed",
                    action="store_true",
                ),
                Arg(
                    "--pdb",
                    help="Open the debugger in the frame where a task raises",
                    action="store_true",
                ),
            ),
            epilog="The exit code is 0 only if the run succeeded.\n"
            "example: airflow-lite --executor DebugExecutor debug run my_dag 2024-01-31 --pdb",
        ),
    ),
)

"""`airflow-lite dags …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, GroupCommand, switch
from airflow_lite.cli.options import (
    CONF,
    DAG_ID,
    END_DATE,
    LISTING,
    OUTPUT,
    REGEX,
    RUN,
    START_DATE,
    SUBDIR,
    YES,
    command,
)
from airflow_lite.cli.specs.backfill import BACKFILL
from airflow_lite.cli.types import moment, positive_int, seconds, since, words

_STATES = ("queued", "running", "success", "failed")
_PAUSING = (DAG_ID, SUBDIR, REGEX, YES, *LISTING)

COMMANDS = (
    command(
        "list",
        "dags.list_dags",
        "List the DAGs",
        SUBDIR,
        OUTPUT,
        Arg(
            "--columns",
            "Columns to show (default: dag_id,fileloc,owners,is_paused)",
            type=words,
            metavar="NAME,NAME",
        ),
    ),
    command("details", "dags.details", "Show all that is known of one DAG", DAG_ID, *LISTING),
    command(
        "show",
        "dags.show",
        "Print a DAG's graph in the DOT language",
        DAG_ID,
        SUBDIR,
        Arg(("-s", "--save"), "Write it to this .dot file", completer="file"),
        epilog="example: airflow-lite dags show my_dag | dot -Tsvg > my_dag.svg",
    ),
    command(
        "show-dependencies",
        "dag_files.show_dependencies",
        "Print which DAGs wait for others or start them, in the DOT language",
        SUBDIR,
        Arg(("-s", "--save"), "Write it to this .dot file", completer="file"),
        epilog="example: airflow-lite dags show-dependencies | dot -Tsvg > dags.svg",
    ),
    command(
        "report",
        "dag_files.report",
        "List the DAG files, and how long each takes to import",
        SUBDIR,
        *LISTING,
    ),
    command(
        "list-import-errors",
        "dags.list_import_errors",
        "List the DAG files that could not be imported, and why",
        SUBDIR,
        *LISTING,
    ),
    command(
        "next-execution",
        "dags.next_execution",
        "Print when a DAG is next due",
        DAG_ID,
        SUBDIR,
        Arg(
            ("-n", "--num-executions"),
            "How many to print (default: 1)",
            type=positive_int(),
            default=1,
        ),
    ),
    command("pause", "dags.pause", "Pause DAGs: no new run starts", *_PAUSING),
    command("unpause", "dags.unpause", "Let paused DAGs go on", *_PAUSING),
    command(
        "delete",
        "dags.delete",
        "Delete all records of a DAG and its logs; its file stays",
        DAG_ID,
        switch("--keep-logs", "Leave the logs of its tasks"),
        YES,
    ),
    command(
        "trigger",
        "dag_trigger.trigger",
        "Make a new run of a DAG; a scheduler runs it",
        DAG_ID,
        SUBDIR,
        Arg(("-r", "--run-id"), "Id of the run (default: manual__DATE)"),
        CONF,
        Arg(
            ("-e", "--exec-date"),
            "Logical date of the run, ISO 8601 (default: now)",
            type=moment,
        ),
        switch(
            "--scheduled-interval",
            "Give it the data interval of the scheduled run of that date; else the one before",
        ),
        Arg(
            "--no-replace-microseconds",
            "Keep the microseconds of the logical date",
            dest="replace_microseconds",
            action="store_false",
            default=True,
        ),
        switch("--wait", "Return when the run has ended"),
        Arg("--timeout", "Seconds to --wait at most", type=seconds, metavar="S"),
        *LISTING,
        epilog="With --wait the exit code is 0 only if the run succeeded.\n"
        'example: airflow-lite dags trigger my_dag -c \'{"day": "monday"}\' --wait',
    ),
    BACKFILL,
    command(
        "list-runs",
        "dag_runs.list_runs",
        "List the runs of a DAG, or of all",
        Arg(("-d", "--dag-id"), "The id of the DAG (default: all)", completer="dag_id"),
        switch("--no-backfill", "Leave out runs of backfills"),
        Arg(
            "--state",
            "Only runs in this state",
            metavar="queued, running, success, failed",
            choices=_STATES,
        ),
        Arg(
            "--since",
            "Only runs that were not over yet so long ago, such as 30m, 12h or 1d, or at a date",
            type=since,
            metavar="AGO_OR_DATE",
        ),
        START_DATE,
        END_DATE,
        *LISTING,
        epilog="example: airflow-lite dags list-runs --state failed --since 1d",
    ),
    GroupCommand(
        "runs",
        "Decide what becomes of a run",
        (
            command(
                "stop",
                "run_states.stop",
                "Stop a run: end what runs of it, and leave it failed",
                DAG_ID,
                RUN,
                description="Stop a run: end what runs of it, and leave it failed.\n\n"
                "Also where its DAG is paused. Tasks that had not begun are skipped, and no"
                " teardown runs.",
                epilog="example: airflow-lite dags runs stop my_dag"
                " scheduled__2024-01-31T00:00:00+00:00",
            ),
            command(
                "set-state",
                "run_states.set_state",
                "Set the state of a run and of its tasks",
                DAG_ID,
                RUN,
                Arg(
                    "state",
                    "The new state",
                    choices=("success", "failed", "queued"),
                    metavar="success|failed|queued",
                ),
                SUBDIR,
                description="Set the state of a run and of its tasks.\n\n"
                "failed ends the tasks that run and skips the rest; success gives all of them"
                " success.\nTeardowns still run, and the run ends after them. queued lets a run"
                " that is over\ngo on, with its tasks as they are.",
            ),
            command(
                "clear",
                "run_states.clear",
                "Clear the tasks of a run, so that it runs again",
                DAG_ID,
                RUN,
                SUBDIR,
                switch(("-f", "--only-failed"), "Only tasks that failed"),
                YES,
                epilog="example: airflow-lite dags runs clear my_dag"
                " scheduled__2024-01-31T00:00:00+00:00 --only-failed",
            ),
        ),
    ),
    command(
        "test",
        "dag_runs.test",
        "Run a DAG once, here and now, without a scheduler",
        DAG_ID,
        Arg(
            "execution_date",
            "Logical date of the run, ISO 8601 (default: now)",
            type=moment,
            nargs="?",
            metavar="LOGICAL_DATE",
        ),
        CONF,
        SUBDIR,
        switch("--use-executor", "Run the tasks on the configured executor, not in this process"),
        switch("--show-dagrun", "Print the graph with states, as DOT"),
        Arg("--save-dagrun", "Write that graph to this .dot file", completer="file"),
        epilog="The exit code is 0 only if the run succeeded.\n"
        "example: airflow-lite dags test my_dag 2024-01-31",
    ),
)

"""`airflow-lite dags …`."""

from __future__ import annotations

from airflow_lite.cli.options import (
    CONF,
    DAG_ID,
    END_DATE,
    OUTPUT,
    REGEX,
    START_DATE,
    SUBDIR,
    YES,
    run_of,
    switch,
)
from airflow_lite.cli.spec import ActionCommand, Arg
from airflow_lite.cli.types import moment, positive_int, seconds, words

_STATES = ("queued", "running", "success", "failed")

COMMANDS = (
    ActionCommand(
        "list",
        "List the DAGs",
        run_of("dags.list_dags"),
        (
            SUBDIR,
            OUTPUT,
            Arg(
                "--columns",
                "Columns to show (default: dag_id,fileloc,owners,is_paused)",
                type=words,
                default=("dag_id", "fileloc", "owners", "is_paused"),
            ),
        ),
    ),
    ActionCommand(
        "details", "Show all that is known of one DAG", run_of("dags.details"), (DAG_ID, OUTPUT)
    ),
    ActionCommand(
        "show",
        "Print a DAG's graph in the DOT language",
        run_of("dags.show"),
        (DAG_ID, SUBDIR, Arg(("-s", "--save"), "Write it to this .dot file", completer="file")),
        epilog="example: airflow-lite dags show my_dag | dot -Tsvg > my_dag.svg",
    ),
    ActionCommand(
        "list-import-errors",
        "List the DAG files that could not be imported, and why",
        run_of("dags.list_import_errors"),
        (SUBDIR, OUTPUT),
    ),
    ActionCommand(
        "next-execution",
        "Print when a DAG is next due",
        run_of("dags.next_execution"),
        (
            DAG_ID,
            SUBDIR,
            Arg(
                ("-n", "--num-executions"),
                "How many to print (default: 1)",
                type=positive_int(),
                default=1,
            ),
        ),
    ),
    ActionCommand(
        "pause",
        "Pause DAGs: no new run starts",
        run_of("dags.pause"),
        (DAG_ID, SUBDIR, REGEX, YES, OUTPUT),
    ),
    ActionCommand(
        "unpause",
        "Let paused DAGs go on",
        run_of("dags.unpause"),
        (DAG_ID, SUBDIR, REGEX, YES, OUTPUT),
    ),
    ActionCommand(
        "delete",
        "Delete all records of a DAG; its file stays",
        run_of("dags.delete"),
        (DAG_ID, YES),
    ),
    ActionCommand(
        "trigger",
        "Make a new run of a DAG; a scheduler runs it",
        run_of("dag_trigger.trigger"),
        (
            DAG_ID,
            SUBDIR,
            Arg(("-r", "--run-id"), "Id of the run (default: manual__DATE)"),
            CONF,
            Arg(
                ("-e", "--exec-date"),
                "Logical date of the run, ISO 8601 (default: now)",
                type=moment,
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
            OUTPUT,
        ),
        epilog="With --wait the exit code is 0 only if the run succeeded.\n"
        'example: airflow-lite dags trigger my_dag -c \'{"day": "monday"}\' --wait',
    ),
    ActionCommand(
        "list-runs",
        "List the runs of a DAG",
        run_of("dag_runs.list_runs"),
        (
            Arg(("-d", "--dag-id"), "The id of the DAG", required=True, completer="dag_id"),
            switch("--no-backfill", "Leave out runs of backfills"),
            Arg(
                "--state",
                "Only runs in this state",
                metavar="queued, running, success, failed",
                choices=_STATES,
            ),
            START_DATE,
            END_DATE,
            OUTPUT,
        ),
    ),
    ActionCommand(
        "test",
        "Run a DAG once, here and now, without a scheduler",
        run_of("dag_runs.test"),
        (
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
            switch(
                "--use-executor", "Run the tasks on the configured executor, not in this process"
            ),
            switch("--show-dagrun", "Print the graph with states, as DOT"),
            Arg("--save-dagrun", "Write that graph to this .dot file", completer="file"),
        ),
        epilog="The exit code is 0 only if the run succeeded.\n"
        "example: airflow-lite dags test my_dag 2024-01-31",
    ),
)

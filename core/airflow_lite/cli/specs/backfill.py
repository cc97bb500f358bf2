"""`airflow-lite dags backfill`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import CONF, DAG_ID, REGEX, SUBDIR, YES, command
from airflow_lite.cli.types import moment, positive_int, seconds

BACKFILL = command(
    "backfill",
    "dag_backfill.backfill",
    "Run a DAG for each date of its schedule in a range",
    DAG_ID,
    Arg(("-s", "--start-date"), "First logical date, ISO 8601 (default: the last)", type=moment),
    Arg(("-e", "--end-date"), "Last logical date, ISO 8601 (default: the first)", type=moment),
    SUBDIR,
    CONF,
    switch(("-n", "--dry-run"), "Show what would be run, and do nothing"),
    Arg(("-t", "--task-regex"), "Only tasks whose id matches, and those that they wait for"),
    switch(("-i", "--ignore-dependencies"), "With -t: leave out those that they wait for"),
    switch("--rerun-failed-tasks", "Run tasks again that have failed in these runs"),
    switch("--reset-dagruns", "Run all tasks again, whatever became of them; asks first"),
    switch("--continue-on-failures", "Begin further runs though tasks have failed"),
    switch(("-B", "--run-backwards"), "Run the latest date first"),
    Arg(
        "--max-active-runs",
        "How many runs may be under way (default: the DAG's max_active_runs, others included)",
        type=positive_int(),
        metavar="N",
    ),
    Arg("--pool", "Run the tasks in this pool, not in their own", completer="pool"),
    switch("--disable-retry", "Let a try that fails be the last one"),
    switch(("-m", "--mark-success"), "Give the tasks success, and run none"),
    switch(("-l", "--local"), "Run the tasks on LocalExecutor, not on the configured executor"),
    switch(("-x", "--donot-pickle"), "Have tasks run from the DAG's file, as [core] donot_pickle"),
    switch(
        ("-I", "--ignore-first-depends-on-past"),
        "Without effect: the first date never waits for the one before",
    ),
    Arg(
        "--delay-on-limit",
        "Without effect: a run begins as soon as there is room for it",
        type=seconds,
        metavar="S",
    ),
    switch(("-v", "--verbose"), "Show each try, too"),
    YES,
    REGEX,
    switch("--treat-dag-as-regex", "The same, by its old name"),
    description="Run a DAG for each date of its schedule in a range, and return when that is over."
    "\n\nThe runs are this command's own: it runs them on the configured executor, with or without"
    " a\nscheduler beside it, also where the DAG is paused. What they did is in the database:"
    " started\nagain, the command goes on where it was when it ended, were it by kill -9.",
    epilog="The exit code is 0 only if no task of these runs has failed.\n"
    "example: airflow-lite dags backfill my_dag -s 2024-01-01 -e 2024-01-31",
)

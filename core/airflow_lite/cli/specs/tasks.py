"""`airflow-lite tasks …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, GroupCommand, switch
from airflow_lite.cli.options import (
    DAG_ID,
    END_DATE,
    LISTING,
    MAP_INDEX,
    RUN,
    START_DATE,
    SUBDIR,
    TASK_ID,
    YES,
    command,
)
from airflow_lite.cli.types import positive_int, whole

_INSTANCE = (DAG_ID, TASK_ID, RUN)

COMMANDS = (
    command(
        "list",
        "tasks.list_tasks",
        "List the tasks of a DAG",
        DAG_ID,
        switch(("-t", "--tree"), "As a tree, with operators"),
        SUBDIR,
    ),
    command(
        "state",
        "tasks.state",
        "Print the state of a task instance",
        *_INSTANCE,
        SUBDIR,
        MAP_INDEX,
    ),
    command(
        "states-for-dag-run",
        "tasks.states_for_dag_run",
        "List the states of all task instances of a run",
        DAG_ID,
        RUN,
        *LISTING,
    ),
    command(
        "failed-deps",
        "task_inspect.failed_deps",
        "Tell why a task instance does not run",
        *_INSTANCE,
        SUBDIR,
        MAP_INDEX,
        description="Tell why a task instance does not run: what is before it, which limit has no\n"
        "room and who holds it, until when it waits.",
        epilog="example: airflow-lite tasks failed-deps my_dag my_task"
        " manual__2024-01-31T00:00:00+00:00",
    ),
    command(
        "history",
        "tasks.history",
        "List what happened to a task instance, try by try",
        *_INSTANCE,
        Arg("--map-index", "Only this index of a mapped task", type=whole),
        *LISTING,
    ),
    command(
        "logs",
        "tasks.logs",
        "Print the log of a task instance, also while it runs",
        *_INSTANCE,
        Arg("--try-number", "Which try (default: the last)", type=positive_int()),
        MAP_INDEX,
        switch(("-f", "--follow"), "Go on as the log grows, until the try ends"),
        epilog="example: airflow-lite tasks logs my_dag my_task manual__2024-01-31T00:00:00+00:00",
    ),
    command(
        "run",
        "task_attempts.run",
        "Run one attempt of a task instance and record its outcome",
        *_INSTANCE,
        SUBDIR,
        MAP_INDEX,
        Arg("--try-number", "The try that was queued", type=positive_int()),
        Arg("--attempt", "Token of the attempt that was queued"),
        Arg(
            ("-p", "--pickle"),
            "Id of the pickled DAG to run from, in place of its file",
            metavar="ID",
        ),
        switch("--ship-dag", "Pickle the DAG and run from that"),
        Arg("--pool", "Pool whose slots it takes", completer="pool"),
        switch(("-f", "--force"), "Run whatever state the task instance is in"),
        switch(("-m", "--mark-success"), "Mark it as succeeded without running it"),
        description="Run one attempt of a task instance and record its outcome.\n\n"
        "With --attempt, the one that the scheduler queued under this token; this is what an\n"
        "executor runs. Without it, an attempt of its own, whatever its upstream tasks' states.",
        epilog="exit codes: 0 the outcome is recorded, whatever it is; 3 the attempt is not ours\n"
        "(claimed already, or superseded); others: nothing is recorded",
    ),
    command(
        "test",
        "task_runs.test",
        "Run a task here, record nothing",
        DAG_ID,
        TASK_ID,
        Arg(
            "execution_date_or_run_id",
            "The run's id or logical date (default: now)",
            nargs="?",
            metavar="RUN_ID_OR_DATE",
            completer="run_id",
        ),
        SUBDIR,
        MAP_INDEX,
        Arg(("-t", "--task-params"), "JSON object that goes over params"),
        Arg("--env-vars", "JSON object of environment variables"),
        switch(("-n", "--dry-run"), "Render the templates, run nothing"),
        switch(("-m", "--post-mortem"), "Open pdb where an exception was raised"),
        epilog="example: airflow-lite tasks test my_dag my_task 2024-01-31",
    ),
    command(
        "render",
        "task_runs.render",
        "Print a task's templated fields, rendered",
        *_INSTANCE,
        SUBDIR,
        MAP_INDEX,
    ),
    command(
        "set-state",
        "run_states.set_task_state",
        "Set the state of a task in a run; what runs of it is ended",
        *_INSTANCE,
        Arg(
            "state",
            "The new state",
            choices=("success", "failed", "skipped"),
            metavar="success|failed|skipped",
        ),
        SUBDIR,
        Arg("--map-index", "Only this index of a mapped task", type=whole),
        description="Set the state of a task in a run; what runs of it is ended.\n\n"
        "After success or skipped, the tasks downstream that had failed by it run again.",
        epilog="example: airflow-lite tasks set-state my_dag load"
        " scheduled__2024-01-31T00:00:00+00:00 success",
    ),
    command(
        "clear",
        "task_clear.clear",
        "Clear task instances, with their setups and teardowns, so that they run again",
        DAG_ID,
        Arg(("-t", "--task-regex"), "Only tasks whose id has a match for this"),
        START_DATE,
        END_DATE,
        SUBDIR,
        switch(("-u", "--upstream"), "Also the tasks upstream of those"),
        switch(("-d", "--downstream"), "Also the tasks downstream of those"),
        switch(("-f", "--only-failed"), "Only those that failed"),
        switch(("-r", "--only-running"), "Only those that run"),
        switch(("-R", "--dag-regex"), "Take dag_id as a regular expression"),
        Arg("--map-index", "Only this index of mapped tasks", type=whole),
        YES,
        epilog="example: airflow-lite tasks clear my_dag -t '^load_' -d -s 2024-01-01",
    ),
    GroupCommand(
        "xcom",
        "Look at what tasks pushed for others",
        (
            command(
                "get",
                "task_inspect.get_xcom",
                "Print one XCom, as JSON",
                *_INSTANCE,
                Arg("key", "Its key (default: return_value)", nargs="?", default="return_value"),
                MAP_INDEX,
                epilog="example: airflow-lite tasks xcom get my_dag my_task"
                " manual__2024-01-31T00:00:00+00:00",
            ),
            command(
                "list",
                "task_inspect.list_xcoms",
                "List the XComs that a task pushed in a run",
                *_INSTANCE,
                Arg("--map-index", "Only of this index of a mapped task", type=whole),
                *LISTING,
            ),
        ),
    ),
)

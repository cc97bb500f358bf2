"""What of Airflow 2.10 is here, feature by feature: the data of reference/supported.md.

Each row of a DAG file has lines that use the feature: `tests/unit/docs/test_supported.py` loads
them, and compares what happens with what the row says.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What becomes of a feature."""

    DONE = "supported"
    DIFFERS = "supported, differs"
    WITHOUT_EFFECT = "accepted, without effect"
    REFUSED = "refused"
    NOT_YET = "not yet"
    NO_COMMAND = "no command"


class Feature(NamedTuple):
    """One feature. `source` are the lines of a DAG file that use it, where there can be any."""

    name: str
    verdict: Verdict
    note: str = ""
    source: str = ""


DONE, DIFFERS, REFUSED, NOT_YET = (
    Verdict.DONE,
    Verdict.DIFFERS,
    Verdict.REFUSED,
    Verdict.NOT_YET,
)
AUTHORING = (
    Feature("`DAG` and `@dag`, `with`, `>>`, `chain`, `cross_downstream`", DONE, "", "a() >> b()"),
    Feature(
        "`BashOperator`, `PythonOperator`, `EmptyOperator`",
        DONE,
        "",
        "BashOperator(task_id='x', bash_command='true')",
    ),
    Feature(
        "`BranchPythonOperator`, `ShortCircuitOperator`",
        DONE,
        "",
        "ShortCircuitOperator(task_id='x', python_callable=bool)",
    ),
    Feature(
        "`@task`, `.bash`, `.branch`, `.short_circuit`, `.sensor`, `.run_if`, `.skip_if`",
        DONE,
        "",
        "task.bash(lambda: 'true')",
    ),
    Feature("`TaskGroup`, `@task_group`", DONE, "", "TaskGroup('g')"),
    Feature("setup and teardown tasks", DONE, "", "a().as_setup() >> b().as_teardown()"),
    Feature("trigger rules, all fourteen", DONE, "", "task(trigger_rule='one_done')(len)"),
    Feature(
        "sensors, modes `poke` and `reschedule`",
        DONE,
        "[more](../how-to/wait-with-sensors.md)",
        "PythonSensor(task_id='x', python_callable=bool, mode='reschedule')",
    ),
    Feature("`Param` and JSON Schema", DONE, "[more](../how-to/use-params.md)", "Param(1)"),
    Feature("Jinja templates, macros, the context's names", DONE),
    Feature(
        "XComs",
        DIFFERS,
        "JSON, with dates, sets and `Decimal`; no DataFrames, no custom backend"
        " ([more](../how-to/pass-data-between-tasks.md))",
    ),
    Feature("callbacks of tasks and runs", DONE, "[more](../how-to/retry-and-alert.md)"),
    Feature(
        "`from airflow import …`",
        DIFFERS,
        "the names come from `airflow_lite`, so every file changes its imports"
        " ([how](../how-to/move-from-airflow.md))",
        "from airflow_lite import DAG",
    ),
    Feature(
        "Variables and Connections",
        DIFFERS,
        "from the environment alone; no table, no commands, no secrets backends"
        " ([more](../how-to/use-variables-and-connections.md))",
        "Variable.get('x', default_var=1)",
    ),
    Feature(
        "dynamic task mapping: `expand`, `partial`",
        NOT_YET,
        "a file that uses it does not load",
        "task(len).expand(obj=[[1]])",
    ),
    Feature(
        "datasets as a schedule",
        NOT_YET,
        "a file that uses them does not load",
        "DAG('x', schedule=['s3://a'], start_date=datetime(2024, 1, 1))",
    ),
    Feature("`TriggerDagRunOperator`, `ExternalTaskSensor`", NOT_YET, "DAGs do not start others"),
    Feature(
        "`FileSensor`, `BashSensor`, `TimeDeltaSensor` and their like",
        NOT_YET,
        "write them with `PythonSensor`",
    ),
    Feature("`LatestOnlyOperator`, `BranchDayOfWeekOperator`, `EmailOperator`", NOT_YET),
    Feature("deferrable operators, the triggerer", NOT_YET, "use mode `reschedule`"),
    Feature(
        "providers: hooks, operators and sensors of `airflow.providers`",
        NOT_YET,
        "call the library itself in a `@task`",
        "from airflow.providers.http.operators.http import HttpOperator",
    ),
    Feature("SubDAGs", REFUSED, "use `TaskGroup`", "from airflow.operators.subdag import X"),
    Feature(
        "database sessions in a task's code", REFUSED, "a task has no connection to the database"
    ),
)
SCHEDULING = (
    Feature("cron expressions, presets, `timedelta`, `None`, `@once`, `@continuous`", DONE),
    Feature("`catchup`, `depends_on_past`, `max_active_runs`, `dagrun_timeout`", DONE),
    Feature("pools, priorities, weight rules", DONE, "[more](../how-to/limit-with-pools.md)"),
    Feature("retries, backoff, `execution_timeout`", DONE),
    Feature("`relativedelta` as a schedule", REFUSED, "use a cron expression"),
    Feature("SLAs, e-mail", Verdict.WITHOUT_EFFECT, "use callbacks"),
)
OPERATING = (
    Feature("one scheduler process, with the executor in it", DONE),
    Feature(
        "several schedulers",
        DONE,
        "on PostgreSQL; each owns some of the DAGs ([more](../how-to/run-several-schedulers.md))",
    ),
    Feature(
        "SQLite and PostgreSQL",
        DONE,
        "SQLite is the default ([PostgreSQL](../how-to/use-postgresql.md))",
    ),
    Feature("`dags`, `tasks`, `pools`, `config`, `db`, `jobs` on the command line", DONE),
    Feature(
        "`db clean`",
        DIFFERS,
        "nothing is archived ([more](../how-to/clean-up.md))",
    ),
    Feature("logs of other machines", DONE, "[more](../how-to/read-logs-of-other-machines.md)"),
    Feature("Sentry", DONE, "[more](../how-to/report-to-sentry.md)"),
    Feature("web interface, REST API, users and roles", NOT_YET, "the command line tells all"),
    Feature("MySQL", NOT_YET),
    Feature("StatsD, OpenTelemetry, lineage", NOT_YET, "a plugin's listener sees every event"),
)
EXTENDING = (
    Feature(
        "`LocalExecutor`, `SequentialExecutor`; `DebugExecutor`, `DaskExecutor` as packages", DONE
    ),
    Feature(
        "`CeleryExecutor`",
        DIFFERS,
        "a package; no result backend, no `executor_config` ([how](../how-to/run-on-celery.md))",
    ),
    Feature("`KubernetesExecutor`", NOT_YET),
    Feature(
        "executors of your own",
        DIFFERS,
        "`BaseExecutor` is Airflow's, the imports are not ([how](../how-to/move-an-executor.md))",
    ),
    Feature("several executors at once", REFUSED, "route tasks by `queue`"),
    Feature("listeners, commands and options of plugins", DIFFERS, "[hooks](hooks.md)"),
    Feature("plugins of the web interface, macros and timetables of plugins", NOT_YET),
)
SECTIONS = {
    "In a DAG file": AUTHORING,
    "When tasks run": SCHEDULING,
    "To run it": OPERATING,
    "To extend it": EXTENDING,
}

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
        "`PythonVirtualenvOperator`, `ExternalPythonOperator`, their branches and decorators",
        DONE,
        "[more](../how-to/use-another-python.md)",
        "task.virtualenv(requirements=['x'])(a.function)",
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
    Feature(
        "callbacks of tasks and runs, lists of them, `BaseNotifier`",
        DONE,
        "[more](../how-to/retry-and-alert.md)",
        "BaseNotifier()",
    ),
    Feature(
        "`from airflow import …`",
        DIFFERS,
        "with `airflow-lite-airflow-names` beside the core; else the names come from `airflow_lite`"
        " ([how](../how-to/move-from-airflow.md), [each name](airflow-names.md))",
        "from airflow_lite import DAG",
    ),
    Feature(
        "Variables and Connections, secrets backends",
        DIFFERS,
        "a file that is imported can change none; hooks are those of providers"
        " ([more](../how-to/use-variables-and-connections.md))",
        "Variable.get('x', default_var=1)",
    ),
    Feature(
        "dynamic task mapping: `expand`, `partial`, `expand_kwargs`, `map`, `zip`, `concat`",
        DIFFERS,
        "no mapped group inside a mapped group; a branch skips tasks mapped over literals, too"
        " ([more](../how-to/map-tasks.md))",
        "task(len).expand(obj=[[1]])",
    ),
    Feature(
        "datasets as a schedule, `DatasetAlias`, `DatasetOrTimeSchedule`, `outlet_events`,"
        " `inlet_events`, `triggering_dataset_events`",
        DIFFERS,
        "a change that comes before the run for an earlier one is made belongs to that run,"
        " and none is left without a run"
        " ([more](../how-to/schedule-by-datasets.md))",
        "DAG('x', schedule=[Dataset('s3://a')], start_date=datetime(2024, 1, 1))",
    ),
    Feature(
        "`ExternalTaskSensor`, `ExternalTaskMarker`",
        DIFFERS,
        "a group is what has its id before a dot; runs of `dags test` do not count; clearing a"
        " marker clears nothing of the other DAG ([more](../how-to/wait-with-sensors.md))",
        "ExternalTaskSensor(task_id='x', external_dag_id='y')",
    ),
    Feature(
        "`TriggerDagRunOperator`",
        DIFFERS,
        "with `deferrable` it is `up_for_reschedule` while it waits, not `deferred`"
        " ([more](../how-to/start-other-dags.md))",
        "TriggerDagRunOperator(task_id='x', trigger_dag_id='y')",
    ),
    Feature(
        "`FileSensor`, `BashSensor`, `DateTimeSensor`, `TimeSensor`, `TimeDeltaSensor`,"
        " `DayOfWeekSensor`",
        DONE,
        "[more](../how-to/wait-with-sensors.md)",
        "FileSensor(task_id='x', filepath='/x')",
    ),
    Feature(
        "`DateTimeSensorAsync`, `TimeSensorAsync`, `TimeDeltaSensorAsync`",
        DONE,
        "[more](../how-to/wait-without-a-process.md)",
        "DateTimeSensorAsync(task_id='x', target_time='2024-01-01')",
    ),
    Feature(
        "`BaseBranchOperator`, `BranchDateTimeOperator`, `BranchDayOfWeekOperator`",
        DONE,
        "",
        "BranchDayOfWeekOperator(task_id='x', week_day='Monday', follow_task_ids_if_true='a',"
        " follow_task_ids_if_false='b')",
    ),
    Feature(
        "`EmailOperator`, `send_email`",
        DONE,
        "[more](../how-to/send-e-mail.md)",
        "EmailOperator(task_id='x', to='me@example.com', subject='s', html_content='t')",
    ),
    Feature("`LatestOnlyOperator`", DONE, "", "LatestOnlyOperator(task_id='x')"),
    Feature(
        "deferrable operators, triggers, the triggerer",
        DIFFERS,
        "the scheduler starts a process for triggers when something defers"
        " ([more](../how-to/wait-without-a-process.md)); with `start_from_trigger`"
        " a process of the task still begins its try, which calls nothing of the task's",
    ),
    Feature(
        "providers: hooks, operators and sensors of `airflow.providers`",
        DIFFERS,
        "unchanged, with `airflow-lite-airflow-names`, which installs them without Airflow itself"
        " ([how](../how-to/move-from-airflow.md))",
    ),
    Feature("SubDAGs", REFUSED, "use `TaskGroup`", "from airflow.operators.subdag import X"),
    Feature(
        "database sessions in a task's code", REFUSED, "a task has no connection to the database"
    ),
)
SCHEDULING = (
    Feature("cron expressions, presets, `timedelta`, `None`, `@once`, `@continuous`", DONE),
    Feature("`catchup`, `depends_on_past`, `max_active_runs`, `dagrun_timeout`", DONE),
    Feature(
        "`fail_stop`, `max_consecutive_failed_dag_runs`",
        DONE,
        "[more](../how-to/retry-and-alert.md)",
        "DAG('x', schedule=None, fail_stop=True, max_consecutive_failed_dag_runs=3)",
    ),
    Feature(
        "`dags backfill` and its arguments",
        DIFFERS,
        "the exit code tells of failed tasks, too ([more](../how-to/backfill.md))",
    ),
    Feature("pools, priorities, weight rules", DONE, "[more](../how-to/limit-with-pools.md)"),
    Feature("retries, backoff, `execution_timeout`", DONE),
    Feature("`relativedelta` as a schedule", REFUSED, "use a cron expression"),
    Feature(
        "`CronTriggerTimetable`, `MultipleCronTriggerTimetable`, `EventsTimetable`,"
        " `CronDataIntervalTimetable`, `DeltaDataIntervalTimetable`",
        DONE,
        "[more](../how-to/schedule-a-dag.md)",
        "DAG('x', schedule=CronTriggerTimetable('0 6 * * *', timezone='UTC'),"
        " start_date=datetime(2024, 1, 1))",
    ),
    Feature(
        "timetables of one's own",
        DIFFERS,
        "offered by an entry point rather than a plugin class; `generate_run_id` is refused"
        " ([more](../how-to/write-a-timetable.md))",
    ),
    Feature(
        "`email`, `email_on_failure`, `email_on_retry`", DONE, "[more](../how-to/send-e-mail.md)"
    ),
    Feature("SLAs", Verdict.WITHOUT_EFFECT, "use `dagrun_timeout`, `execution_timeout`, callbacks"),
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
        "`variables`, `connections`, `rotate-fernet-key` on the command line",
        DIFFERS,
        "secrets are shown with `--show-values` alone",
    ),
    Feature(
        "`db clean`",
        DIFFERS,
        "nothing is archived ([more](../how-to/clean-up.md))",
    ),
    Feature("logs of other machines", DONE, "[more](../how-to/read-logs-of-other-machines.md)"),
    Feature("Sentry", DONE, "[more](../how-to/report-to-sentry.md)"),
    Feature(
        "web interface, users and roles",
        DIFFERS,
        "a package of its own; viewer, operator and admin, no permissions for single DAGs"
        " ([more](../how-to/use-the-web-page.md))",
    ),
    Feature(
        "stable REST API",
        DIFFERS,
        "with `airflow-lite-web`: [what is answered, what is not](rest-api.md)",
    ),
    Feature("MySQL", NOT_YET),
    Feature(
        "metrics by OpenTelemetry",
        DIFFERS,
        "those that watch a scheduler, under Airflow's names; Prometheus, too"
        " ([more](../how-to/watch-with-metrics.md))",
    ),
    Feature("StatsD, lineage, traces", NOT_YET, "a plugin's listener sees every event"),
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
    Feature("`KubernetesExecutor`", DONE, "a package ([how](../how-to/run-on-kubernetes.md))"),
    Feature(
        "`LocalKubernetesExecutor`, `CeleryKubernetesExecutor`",
        DIFFERS,
        "packages; `parallelism` holds for both halves ([how](../how-to/run-two-executors.md))",
    ),
    Feature(
        "executors of your own",
        DIFFERS,
        "`BaseExecutor` is Airflow's, the imports are not ([how](../how-to/move-an-executor.md))",
    ),
    Feature(
        "several executors at once",
        DIFFERS,
        "two, in a hybrid; `executor` of a task names one ([how](../how-to/run-two-executors.md))",
    ),
    Feature("listeners, commands and options of plugins", DIFFERS, "[hooks](hooks.md)"),
    Feature("plugins of the web interface, macros of plugins", NOT_YET),
)
SECTIONS = {
    "In a DAG file": AUTHORING,
    "When tasks run": SCHEDULING,
    "To run it": OPERATING,
    "To extend it": EXTENDING,
}

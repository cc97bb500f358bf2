"""Write authors.json: what Airflow 2.10.5 makes of what authors of DAGs write and pull.

Run as `generate/semantics` is: python authors.py OUTPUT_FOLDER
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from datetime import datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "semantics"), str(Path(__file__).parents[1])]

from airflow import DAG
from airflow.decorators import teardown
from airflow.exceptions import AirflowException
from airflow.models import Connection
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from airflow.utils.task_group import TaskGroup
from airflow.utils.state import TaskInstanceState
from airflow.utils.types import DagRunType
from bench import MOMENT, make_dag, python, run_to_end, skip, start_run, states
from scopes_dag import CLEARED, FLAGS, SHAPES, edges

#: What a task may ask for, after z, then m, then n have pushed `found`, `b` and `a`.
PULLS: dict[str, dict] = {
    "key": {"key": "found"},
    "nothing": {},
    "any key": {"key": None},
    "an empty key": {"key": ""},
    "any key of one task": {"task_ids": "m", "key": None},
    "any key of two tasks": {"task_ids": ["z", "m"], "key": None},
    "an index": {"map_indexes": -1},
    "indexes": {"map_indexes": [-1]},
    "no tasks": {"task_ids": []},
    "no indexes": {"map_indexes": []},
    "one task twice": {"task_ids": ["z", "m", "z"]},
    "prior dates": {"key": "found", "include_prior_dates": True},
    "prior dates of two tasks": {
        "key": "found", "task_ids": ["z", "m"], "include_prior_dates": True,
    },
    "prior dates of two tasks, any key": {
        "key": None, "task_ids": ["z", "m"], "include_prior_dates": True,
    },
    "what only the first run pushed": {"key": "first", "include_prior_dates": True},
}  # fmt: skip


def xcom_pulls(session) -> dict[str, object]:
    seen: dict[str, object] = {}

    def push(ti, number):
        day = ti.execution_date.day
        if day == 1:
            ti.xcom_push(key="first", value=f"first of {ti.task_id}")
        for key in ("found", "b", "a"):
            ti.xcom_push(key=key, value=f"{key}{number} of {day}")
        return f"r{number} of {day}"

    def look(ti):
        for name, arguments in PULLS.items():
            value = ti.xcom_pull(**arguments)
            seen[name] = value if isinstance(value, (str, type(None))) else list(value)

    with make_dag("pulls") as dag:
        tasks = [
            python(name, push, op_kwargs={"number": number})
            for number, name in enumerate(("z", "m", "n"), start=1)
        ]
        tasks[0] >> tasks[1] >> tasks[2] >> python("look", look)
    for day in (0, 1):
        run_to_end(dag, start_run(dag, session, day=day), session)
    return seen


#: DAGs by where their dates stand; "@" before a date makes it a datetime, others are text.
DATES: dict[str, dict] = {
    "all by default_args": {"default_args": {"start_date": "@2024-01-01", "end_date": "@2024-01-03"}},
    "an end as text": {"default_args": {"start_date": "@2024-01-01", "end_date": "2024-01-03"}},
    "text, with a zone": {
        "default_args": {"start_date": "2024-01-01T00:00:00+09:00", "end_date": "2024-01-03"},
    },
    "an end as text, in the zone of the DAG": {
        "start_date": "@2024-01-01+09:00", "default_args": {"end_date": "2024-01-03"},
    },
    "a naive end, in another zone than the DAG": {
        "start_date": "@2024-01-01+09:00", "default_args": {"end_date": "@2024-01-03"},
    },
    "one task has no end": {
        "start_date": "@2024-01-01", "tasks": [{"end_date": "@2024-01-03"}, {}],
    },
    "one task undoes the default": {
        "start_date": "@2024-01-01", "default_args": {"end_date": "@2024-01-03"},
        "tasks": [{"end_date": None}, {}],
    },
    "two ends": {
        "start_date": "@2024-01-01",
        "tasks": [{"end_date": "@2024-01-03"}, {"end_date": "@2024-01-05"}],
    },
    "the DAG's end between those of tasks": {
        "start_date": "@2024-01-01", "end_date": "@2024-01-04",
        "tasks": [{"end_date": "@2024-01-03"}, {"end_date": "@2024-01-05"}],
    },
    "the DAG's end after those of tasks": {
        "start_date": "@2024-01-01", "end_date": "@2024-01-09",
        "tasks": [{"end_date": "@2024-01-03"}, {"end_date": "@2024-01-05"}],
    },
    "the DAG's end, and one task's": {
        "start_date": "@2024-01-01", "end_date": "@2024-01-09",
        "tasks": [{"end_date": "@2024-01-03"}, {}],
    },
    "a start of one task before the default": {
        "default_args": {"start_date": "@2024-01-05"}, "tasks": [{"start_date": "@2024-01-02"}, {}],
    },
    "a start of one task before the default as text": {
        "default_args": {"start_date": "2024-01-05"}, "tasks": [{"start_date": "@2024-01-02"}, {}],
    },
    "a start of one task before the DAG's": {
        "start_date": "@2024-01-05", "tasks": [{"start_date": "@2024-01-02"}, {}],
    },
    "an end by the default_args of a group": {
        "start_date": "@2024-01-01", "tasks": [], "group": {"end_date": "@2024-01-03"},
    },
    "no tasks": {"start_date": "@2024-01-01", "tasks": []},
    "no tasks, an end": {"start_date": "@2024-01-01", "end_date": "@2024-01-02", "tasks": []},
}  # fmt: skip
#: DAG's params, and those of default_args.
PARAMS = ({"a": 1, "b": 2}, {"b": 3, "c": 4})


def read_dates(value):
    """Make datetimes of what is written in DATES."""
    if isinstance(value, dict):
        return {name: read_dates(item) for name, item in value.items()}
    if isinstance(value, list):
        return [read_dates(item) for item in value]
    is_date = isinstance(value, str) and value.startswith("@")
    return datetime.fromisoformat(value[1:].replace("+", "T00:00:00+")) if is_date else value


def run_dates(_session) -> dict[str, object]:
    """First and last date that the scheduler goes by."""
    found = {}
    for name, written in DATES.items():
        arguments = read_dates(written)
        tasks, group = arguments.pop("tasks", [{}]), arguments.pop("group", None)
        with DAG("dates", schedule="@daily", **arguments) as dag:
            for number, options in enumerate(tasks):
                EmptyOperator(task_id=f"t{number}", **options)
            if group:
                with TaskGroup("group", default_args=group):
                    EmptyOperator(task_id="t")
        restriction = dag._time_restriction
        dates = restriction.earliest, restriction.latest
        found[name] = [date and date.isoformat() for date in dates]
    return found


def named():
    pass


def default_args(_session) -> dict[str, object]:
    own, shared = PARAMS
    with make_dag("defaults", params=own, default_args={"params": shared}) as dag:
        python("t")
    with make_dag("own"):
        task = python("t", params=own, default_args={"params": shared})
    with make_dag("rule", default_args={"trigger_rule": "all_done"}):
        by_default = python("a").as_teardown()
        by_itself = python("b", trigger_rule="one_failed").as_teardown()
        by_decorator = teardown(named)().operator
    return {
        "params": dag.params.dump(),
        "params of a task": task.params.dump(),
        "trigger rules of teardowns": [
            str(made.trigger_rule) for made in (by_default, by_itself, by_decorator)
        ],
    }


def scopes(_session) -> dict[str, object]:
    return {name: edges(make) for name, make in SHAPES.items()}


def clearing(_session) -> dict[str, object]:
    """What is cleared, by shape, options and the task that is named."""
    found = {}
    for make in CLEARED:
        with make_dag("cleared") as dag:
            make()
        found[make.__name__] = {
            flags: {name: subset(dag, name, *given) for name in sorted(dag.task_ids)}
            for flags, given in FLAGS.items()
        }
    return found


def subset(dag, name, upstream, downstream):
    """What `airflow tasks clear -t` goes by."""
    part = dag.partial_subset(f"^{name}$", include_upstream=upstream, include_downstream=downstream)
    return " ".join(sorted(part.task_ids))


def previous_runs(session) -> dict[str, object]:
    """What a task of a scheduled run of day 5 sees of earlier runs.

    Days: 0 scheduled, success; 1 backfill, success; 2 manual, success; 3 scheduled, failed, and
    made before the task was; 4 manual, failed.
    """
    found = {}
    for schedule in ("@daily", None):
        for catchup in (True, False):
            name = f"previous_{schedule and 'daily'}_{catchup}"
            options = {"start_date": MOMENT, "schedule": schedule, "catchup": catchup}
            with DAG(name, **options) as dag:
                work = python("work")
            with DAG(name, **options) as older:
                python("other")
            for day, (kind, state) in enumerate(RUNS):
                run = start_run(older if day == 3 else dag, session, day=day, kind=kind)
                run.state = state
                session.commit()
            now = start_run(dag, session, day=len(RUNS), kind=DagRunType.SCHEDULED)
            ti = now.get_task_instance("work", session=session)
            ti.task = work
            found[f"{schedule}, catchup={catchup}"] = {
                "dagrun": day_of(ti.get_previous_dagrun(session=session)),
                "dagrun of success": day_of(ti.get_previous_dagrun("success", session=session)),
                "dagrun of failed": day_of(ti.get_previous_dagrun("failed", session=session)),
                "ti": day_of(ti.get_previous_ti(session=session)),
                "ti of success": day_of(ti.get_previous_ti("success", session=session)),
                "execution date": str(ti.get_previous_execution_date(session=session)),
                "start date": str(ti.get_previous_start_date(session=session)),
            }
    return found


RUNS = (
    (DagRunType.SCHEDULED, "success"),
    (DagRunType.BACKFILL_JOB, "success"),
    (DagRunType.MANUAL, "success"),
    (DagRunType.SCHEDULED, "failed"),
    (DagRunType.MANUAL, "failed"),
)


def day_of(found):
    return None if found is None else (found.execution_date - MOMENT).days


def past_and_skips(session) -> dict[str, object]:
    """Whether a skip waits for the past: the task's argument for that is read by nothing."""
    with make_dag("past_and_skips") as dag:
        python("first", skip) >> python(
            "work", depends_on_past=True, wait_for_past_depends_before_skipping=True
        )
    before = start_run(dag, session)
    before.get_task_instance("work", session=session).state = TaskInstanceState.FAILED
    session.commit()
    now = start_run(dag, session, day=1)
    run_to_end(dag, now, session)
    return states(now, session)


#: Connections as AIRFLOW_CONN_NAME has them.
CONNECTIONS = (
    "postgresql://user:p%40ss@DB.example.com:5432/sales?sslmode=require",
    "postgres://db",
    "google-cloud-platform://?extra__key=1&project=p",
    "http://host/path%2Fmore?a=1&a=2&empty=",
    "https://https://user@host:443/x",
    "aws://AKIA:se%2Fcret@/?__extra__=%7B%22region%22%3A+%7B%22a%22%3A+1%7D%7D",
    "my-conn-type://%2Ftmp%2Fsocket/Name",
    "mysql://:only-password@host",
    "redis://:6379/0",
    "sqlite:///tmp%2Fx.db",
    "generic://user@host?",
    "ssh://host:22/?__extra__=not+json",
    '{"conn_type": "postgresql", "host": "h", "port": "5432", "login": "u", "password": "p/w"}',
    '{"conn_type": "http", "host": "https://h", "extra": {"a": {"b": 1}}, "description": "d"}',
    '{"conn_type": "http", "extra": "{\\"n\\": \\"[1]\\", \\"s\\": \\"x\\"}", "schema": "s c"}',
    '{"conn_type": "my-type", "host": "h", "port": 0}',
    '{"host": "h"}',
    "{}",
)


def connections(_session) -> dict[str, object]:
    found = {}
    for text in CONNECTIONS:
        os.environ["AIRFLOW_CONN_ASKED"] = text
        try:
            conn = Connection.get_connection_from_secrets("asked")
        except AirflowException:
            found[text] = None
            continue
        names = "conn_type description host login password schema port extra".split()
        found[text] = {
            **{name: getattr(conn, name) for name in names},
            "uri": conn.get_uri(),
            "json": conn.as_json(),
            "dict": conn.to_dict(),
            "extra_dejson": conn.extra_dejson,
            "nested": conn.get_extra_dejson(nested=True),
            "again": Connection("asked", uri=conn.get_uri()).as_json(),
            "repr": repr(conn),
        }
    return found


SECTIONS = (
    xcom_pulls, run_dates, default_args, scopes, clearing, previous_runs, past_and_skips,
    connections,
)  # fmt: skip


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    data: dict[str, object] = {"airflow": "2.10.5", "pulls asked": PULLS, "dates asked": DATES}
    for section in SECTIONS:
        with create_session() as session:
            data[section.__name__] = section(session)
    (output / "authors.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What tasks see, and what operators and sensors do."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.decorators import task
from airflow.exceptions import AirflowFailException
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XCom
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.sensors.python import PythonSensor
from bench import boom, make_dag, python, refused, run_dag, run_to_end, skip, start_run, states


def context_keys(session) -> dict[str, object]:
    found: dict[str, object] = {}
    values: dict[str, str] = {}

    def look(**context):
        found["template context"] = sorted(context)
        for key in (
            "ds",
            "ds_nodash",
            "ts",
            "ts_nodash",
            "ts_nodash_with_tz",
            "run_id",
            "task_instance_key_str",
            "test_mode",
            "map_index_template",
            "prev_data_interval_start_success",
            "data_interval_start",
            "data_interval_end",
            "logical_date",
            "expanded_ti_count",
        ):
            values[key] = repr(context[key])
        found["macros"] = sorted(
            name for name in dir(context["macros"]) if not name.startswith("_")
        )

    def note(name):
        def callback(context):
            found.setdefault(name, sorted(context))
            if "exception" in context:
                found[f"{name}: exception"] = type(context["exception"]).__name__
            if "reason" in context:
                found[f"{name}: reason"] = context["reason"]

        return callback

    with make_dag(
        "context",
        on_success_callback=note("DAG on_success"),
        on_failure_callback=note("DAG on_failure"),
    ) as dag:
        python(
            "look",
            look,
            on_success_callback=note("on_success"),
            on_execute_callback=note("on_execute"),
        )
    ends = [run_dag(dag, session)["dag_run"]]
    with make_dag("context_fail", on_failure_callback=note("DAG on_failure")) as dag:
        python("skip", skip, on_skipped_callback=note("on_skipped")) >> EmptyOperator(task_id="x")
        python(
            "fail",
            boom,
            retries=1,
            retry_delay=timedelta(0),
            on_retry_callback=note("on_retry"),
            on_failure_callback=note("on_failure"),
        )
    run = start_run(dag, session)
    ends.append(run_to_end(dag, run, session))
    for name, dag_id, good in (
        ("DAG on_success", "context", True),
        ("DAG on_failure", "context_fail", False),
    ):
        run = session.query(DagRun).filter_by(dag_id=dag_id).one()
        dag = run.dag if run.dag else dag
        dag.handle_callback(run, success=good, reason="the reason", session=session)
    for name in [name for name in found if "on_" in name and isinstance(found[name], list)]:
        found[name] = {
            "beside the template context": sorted(
                set(found[name]) - set(found["template context"])
            ),
            "missing from it": sorted(set(found["template context"]) - set(found[name])),
        }
    found["example values"] = values
    found["ends"] = ends
    return found


def bash(session) -> dict[str, object]:
    found = {}
    os.environ["OUTER"] = "outer"
    folder = Path(tempfile.mkdtemp())
    script = folder / "script.sh"
    script.write_text("echo from {{ ds }}\n")
    note_file = folder / "note.txt"
    note_file.write_text("")
    cases = {
        "exit 99": {"bash_command": "exit 99"},
        "exit 99, skip_on_exit_code=None": {"bash_command": "exit 99", "skip_on_exit_code": None},
        "exit 3, skip_on_exit_code=[3, 4]": {"bash_command": "exit 3", "skip_on_exit_code": [3, 4]},
        "exit 1": {"bash_command": "exit 1"},
        "last line of output": {"bash_command": "echo one; echo two; echo three >&2; echo"},
        "spaces at the end of the line": {"bash_command": "printf '  x  \\n'"},
        "nothing printed": {"bash_command": "true"},
        "output_processor": {
            "bash_command": "echo 41",
            "output_processor": lambda text: int(text) + 1,
        },
        "env replaces": {"bash_command": 'echo "$OUTER-$MINE"', "env": {"MINE": "{{ ds }}"}},
        "append_env": {
            "bash_command": 'echo "$OUTER-$MINE"',
            "env": {"MINE": "m"},
            "append_env": True,
        },
        "no env": {"bash_command": 'echo "$OUTER"'},
        "AIRFLOW_CTX names": {
            "bash_command": "env | grep ^AIRFLOW_CTX | cut -d= -f1 | sort | tr '\\n' ' '"
        },
        "AIRFLOW_CTX names, env replaces": {
            "bash_command": "env | cut -d= -f1 | sort | tr '\\n' ' '",
            "env": {"MINE": "m"},
        },
        "cwd": {"bash_command": 'basename "$PWD"', "cwd": "/usr/lib"},
        "cwd missing": {"bash_command": "true", "cwd": "/no/such/folder"},
        "cwd a file": {"bash_command": "true", "cwd": str(note_file)},
        "template file": {"bash_command": "script.sh"},
        "script not found": {"bash_command": "missing.sh"},
        "script, space at the end": {"bash_command": "bash /no/such/script.sh "},
        "pipe failure": {"bash_command": "false | true"},
        "undefined variable in the template": {"bash_command": "echo {{ nothing_here }}"},
        "undefined attribute in the template": {"bash_command": "echo {{ params.nothing_here }}"},
        "not a string": {"bash_command": 5},
        "do_xcom_push=False": {"bash_command": "echo x", "do_xcom_push": False},
        "bytes that are not UTF-8": {"bash_command": "printf '\\xff\\xfe\\n'"},
    }
    for number, (label, arguments) in enumerate(cases.items()):
        errors: list[str] = []

        def note(context, errors=errors):
            error = context["exception"]
            text = f"{type(error).__name__}: {error}".replace(str(folder), "$SEARCHPATH")
            errors.append(text.replace(str(Path(__file__).parent), "$DAG_FOLDER"))

        try:
            with make_dag(f"bash_{number}", template_searchpath=str(folder)) as dag:
                BashOperator(task_id="run", on_failure_callback=note, **arguments)
            run = start_run(dag, session)
            run_to_end(dag, run, session)
            ti = run.get_task_instance("run", session=session)
            found[label] = {"state": str(ti.state), "xcom": ti.xcom_pull(task_ids="run")}
        except Exception as error:  # noqa: BLE001 - the error is the answer
            session.rollback()
            found[label] = {"refused": f"{type(error).__name__}: {error}"}
        if errors:
            found[label]["error"] = errors[0]
    return found


def decorators(session) -> dict[str, object]:
    """Task ids, multiple outputs and the types that @task accepts."""
    with make_dag("decorators") as dag:

        @task
        def add(x, y=1):
            return x + y

        @task
        def typed() -> dict[str, int]:
            return {"a": 1, "b": 2}

        @task(multiple_outputs=False)
        def whole() -> dict:
            return {"a": 1}

        one = add(1)
        add(one, y=add(2))
        add.override(task_id="named")(5)
        typed()
        whole()
    ids = sorted(dag.task_ids)
    run = start_run(dag, session)
    run_to_end(dag, run, session)
    stored: dict[str, list[str]] = {}
    for row in session.query(XCom).filter_by(dag_id="decorators"):
        stored.setdefault(row.task_id, []).append(row.key)
    return {
        "task ids": ids,
        "stored XComs": {key: sorted(value) for key, value in sorted(stored.items())},
    }


def sensors(session) -> dict[str, object]:
    found = {}
    cases = {
        "timeout": {"timeout": 0.05},
        "timeout, retries=2": {"timeout": 0.05, "retries": 2},
        "timeout, soft_fail": {"timeout": 0.05, "soft_fail": True},
        "reschedule, timeout": {"timeout": 0.2, "mode": "reschedule"},
        "reschedule, timeout, soft_fail": {"timeout": 0.2, "mode": "reschedule", "soft_fail": True},
    }
    for number, (label, arguments) in enumerate(cases.items()):
        with make_dag(f"sensor_{number}") as dag:
            sensor = PythonSensor(
                task_id="wait", python_callable=lambda: False, poke_interval=0.02, **arguments
            )
            sensor >> EmptyOperator(task_id="after")
        run = start_run(dag, session)
        run_to_end(dag, run, session)
        ti = run.get_task_instance("wait", session=session)
        found[label] = {"tasks": states(run, session), "try_number": ti.try_number}
    raising = {
        "poke raises": {"retries": 0},
        "poke raises, soft_fail": {"soft_fail": True},
        "poke raises, never_fail": {"never_fail": True},
        "poke raises, silent_fail": {"silent_fail": True, "timeout": 0.1},
        "poke raises AirflowSkipException": {"python_callable": skip},
        "poke raises AirflowFailException, retries=2": {
            "python_callable": lambda: (_ for _ in ()).throw(AirflowFailException("x")),
            "retries": 2,
        },
    }
    for number, (label, arguments) in enumerate(raising.items()):
        with make_dag(f"sensor_raises_{number}") as dag:
            PythonSensor(
                task_id="wait", poke_interval=0.02, **({"python_callable": boom} | arguments)
            )
        found[label] = run_dag(dag, session)["tasks"]
    for label, arguments in {
        "mode='other'": {"mode": "other"},
        "poke_interval=-1": {"poke_interval": -1},
        "timeout=-1": {"timeout": -1},
        "poke_interval='x'": {"poke_interval": "x"},
        "poke_interval=timedelta": {"poke_interval": timedelta(seconds=3)},
        "timeout='x'": {"timeout": "x"},
        "soft_fail and never_fail": {"soft_fail": True, "never_fail": True},
    }.items():
        found[label] = refused(
            lambda arguments=arguments: PythonSensor(
                task_id="x", python_callable=boom, dag=make_dag("sensor_bad"), **arguments
            ),
            label.partition("=")[0],
        )
    return found

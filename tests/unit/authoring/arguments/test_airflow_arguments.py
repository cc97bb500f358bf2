"""Every argument of Airflow 2.10 is done, accepted with a notice or refused, and documented."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import airflow_lite
from airflow_lite import DAG, BaseOperator, EmptyOperator, TaskGroup
from airflow_lite.authoring.arguments.airflow_arguments import ACCEPTED, REFUSED
from airflow_lite.authoring.decorators import operators
from airflow_lite.authoring.decorators.task import REFUSED_DECORATORS, task
from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.serialize import dag_spec
from fixtures.scripts import load_script

CLASSES = (
    "DAG",
    "TaskGroup",
    "BaseOperator",
    "BashOperator",
    "EmailOperator",
    "PythonOperator",
    "ShortCircuitOperator",
    "BaseSensorOperator",
    "PythonSensor",
    "BashSensor",
    "FileSensor",
    "DateTimeSensor",
    "DateTimeSensorAsync",
    "TimeSensor",
    "TimeSensorAsync",
    "TimeDeltaSensor",
    "TimeDeltaSensorAsync",
    "DayOfWeekSensor",
    "ExternalTaskSensor",
    "ExternalTaskMarker",
    "TriggerDagRunOperator",
    "BranchDateTimeOperator",
    "BranchDayOfWeekOperator",
)
#: What Airflow writes as a value and we leave open: the setting is read when the DAG is made.
FROM_SETTINGS = {
    "max_active_tasks",
    "max_active_runs",
    "catchup",
    "retries",
    "retry_delay",
    "email_on_retry",
    "email_on_failure",
    "weight_rule",
    "queue",
    "timeout",
}
DECORATED = {
    "@task.python": operators.PythonDecorated,
    "@task.branch": operators.BranchDecorated,
    "@task.short_circuit": operators.ShortCircuitDecorated,
    "@task.sensor": operators.SensorDecorated,
    "@task.bash": operators.BashDecorated,
}


def own_parameters(kind):
    found = dict(inspect.signature(kind.__init__).parameters)
    del found["self"]
    return {name: item for name, item in found.items() if item.kind is not item.VAR_KEYWORD}


def all_parameters(kind):
    found = set()
    for base in kind.__mro__:
        if "__init__" in vars(base) and base is not object:
            found |= own_parameters(base).keys()
    return found


@pytest.fixture
def page():
    return load_script("docs/generate_arguments.py")


@pytest.mark.parametrize("name", CLASSES)
def test_our_signature_has_airflows_arguments_in_airflows_order(golden, name):
    wanted = [
        row["name"]
        for row in golden("arguments")[name]["parameters"]
        if row["kind"] != "var_keyword"
    ]

    assert list(own_parameters(getattr(airflow_lite, name))) == wanted


@pytest.mark.parametrize("name", CLASSES)
def test_our_defaults_are_airflows(golden, name):
    ours = own_parameters(getattr(airflow_lite, name))
    open_ended = FROM_SETTINGS | {
        "schedule",
        "schedule_interval",
        "template_undefined",
        "output_processor",
    }
    for row in golden("arguments")[name]["parameters"]:
        item = ours.get(row["name"])
        if item is None or row["name"] in open_ended:
            continue
        default = "required" if item.default is item.empty else repr(item.default)
        assert default == row.get("default", "required"), row["name"]


def test_defaults_from_settings_are_airflows_on_a_fresh_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    dag = DAG("d", start_date=datetime(2024, 1, 1, tzinfo=UTC))
    task_made = EmptyOperator(task_id="t", dag=dag)
    sensor = airflow_lite.PythonSensor(task_id="s", dag=dag, python_callable=bool)

    assert dag.max_consecutive_failed_dag_runs == 0
    assert (dag.max_active_tasks, dag.max_active_runs, dag.catchup) == (16, 16, False)
    assert dag.schedule == timedelta(days=1)
    assert (task_made.retries, task_made.retry_delay) == (0, timedelta(minutes=5))
    assert (task_made.weight_rule, task_made.queue) == ("downstream", "default")
    assert sensor.timeout == 604800.0


@pytest.mark.parametrize("name", [*CLASSES, "BranchPythonOperator", "EmptyOperator"])
def test_template_fields_and_file_endings_are_airflows(golden, name):
    row = golden("arguments")[name]
    if "template_fields" not in row:
        return
    kind = getattr(airflow_lite, name)

    assert list(kind.template_fields) == row["template_fields"]
    assert list(kind.template_ext) == row["template_ext"]


@pytest.mark.parametrize(("name", "kind"), DECORATED.items())
def test_each_task_decorator_takes_what_airflow_declares(golden, name, kind):
    row = golden("arguments")[name]
    declared = {
        item["name"] for rows in row["declared"] for item in rows if item["kind"] == "keyword_only"
    }

    assert declared <= all_parameters(kind)
    assert set(row.get("template_fields", ())) <= set(kind.template_fields)


def test_every_task_decorator_of_airflow_is_there_or_refused_with_a_reason(golden):
    for name in golden("arguments")["task_attributes"]:
        if name in REFUSED_DECORATORS:
            with pytest.raises(AirflowDagException, match=f"@task.{name} is refused: "):
                getattr(task, name)
        else:
            assert callable(getattr(task, name))


def test_the_dag_decorator_takes_every_argument_of_dag(golden):
    for row in golden("arguments")["@dag"]["parameters"]:
        assert row["name"] in own_parameters(DAG)


SAMPLE = {
    "sla_miss_callback": print,
    "default_view": "graph",
    "orientation": "TB",
    "access_control": {"role": {"can_read"}},
    "owner_links": {"me": "mailto:me@example.com"},
    "full_filepath": "/x.py",
    "email": "me@example.com",
    "sla": timedelta(hours=1),
    "resources": {"cpus": 1},
    "inlets": ["x"],
    "outlets": ["x"],
    "wait_for_past_depends_before_skipping": True,
    "allow_nested_operators": False,
}


@pytest.mark.parametrize("argument", ACCEPTED["DAG"], ids=lambda argument: argument.name)
def test_an_accepted_dag_argument_gives_one_notice(argument):
    sample: dict[str, Any] = {argument.name: SAMPLE[argument.name]}
    dag = DAG("d", schedule=None, **sample)

    assert dag_spec(dag).notices == (f"DAG d: {argument.name} has no effect: {argument.why}.",)


@pytest.mark.parametrize(
    "argument",
    [item for item in ACCEPTED["BaseOperator"] if item.name in SAMPLE],
    ids=lambda argument: argument.name,
)
def test_an_accepted_operator_argument_gives_one_notice_for_all_tasks(argument):
    with DAG("d", schedule=None) as dag:
        for task_id in "abc":
            EmptyOperator(task_id=task_id, **{argument.name: SAMPLE[argument.name]})

    assert dag_spec(dag).notices == (
        f"DAG d, task a and 2 more: {argument.name} has no effect: {argument.why}.",
    )


@pytest.mark.parametrize("argument", ACCEPTED["BaseOperator"], ids=lambda argument: argument.name)
def test_airflows_default_of_an_accepted_argument_gives_no_notice(argument):
    default = inspect.signature(BaseOperator.__init__).parameters[argument.name].default
    with DAG("d", schedule=None) as dag:
        EmptyOperator(task_id="a", **{argument.name: default})

    assert dag_spec(dag).notices == ()


def test_refused_arguments_say_why():
    for argument in REFUSED["DAG"]:
        refused: dict[str, Any] = {argument.name: "x"}
        with pytest.raises(
            AirflowDagException, match=f"DAG d: {argument.name} is refused: {argument.why}"
        ):
            DAG("d", **refused)
    for argument in REFUSED["BaseOperator"]:
        with (
            DAG("d", schedule=None),
            pytest.raises(
                AirflowDagException, match=f"Task d.t: {argument.name} is refused: {argument.why}"
            ),
        ):
            EmptyOperator(task_id="t", **{argument.name: "x"})


def test_every_declared_argument_exists():
    for table in (ACCEPTED, REFUSED):
        for name, arguments in table.items():
            names = own_parameters(getattr(airflow_lite, name))
            assert {argument.name for argument in arguments} <= names.keys()


def test_the_page_in_docs_says_what_the_table_says(page):
    assert page.PAGE.read_text() == page.page(), "run: python docs/generate_arguments.py"


def test_the_page_names_every_argument(page, golden):
    text = page.page()
    for name in (*CLASSES,):
        for row in golden("arguments")[name]["parameters"]:
            assert row["kind"] == "var_keyword" or f"| `{row['name']}` |" in text


def test_the_public_task_group_is_the_one_that_is_tested():
    assert TaskGroup is airflow_lite.TaskGroup

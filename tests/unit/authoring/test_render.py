"""Rendering of templated fields."""

from __future__ import annotations

import sys
from collections import namedtuple
from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest

from airflow_lite import (
    DAG,
    AirflowException,
    BaseOperator,
    BashOperator,
    BashSensor,
    DateTimeSensor,
    EmailOperator,
    ExternalPythonOperator,
    ExternalTaskSensor,
    FileSensor,
    PythonOperator,
    PythonVirtualenvOperator,
    TriggerDagRunOperator,
    literal,
)
from airflow_lite.authoring import macros
from airflow_lite.authoring.render import environment, presentable, render_fields

Pair = namedtuple("Pair", "left right")


class Show(BaseOperator):
    template_fields = ("value",)
    template_ext = (".txt",)

    def __init__(self, *, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def execute(self, context):
        return self.value


@pytest.fixture
def show(make_context, tmp_path):
    def render(value, xcoms=None, dag_options=(), **more):
        with DAG("d", schedule=None, **dict(dag_options)) as dag:
            dag.fileloc = str(tmp_path / "dag.py")
            task = Show(task_id="t", value=value)
        context = make_context(task, xcoms, macros=macros, **more)
        shown = render_fields(task, context)
        return task.value, shown["value"]

    return render


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (
            "{{ ds }} {{ run_id }} {{ task.task_id }} {{ dag_run.conf.get('a', 'none') }}",
            "2024-02-29 run t none",
        ),
        ("plain", "plain"),
        ("plain\n", "plain"),
        ("plain\n\n", "plain\n"),
        ("a { b } c\n", "a { b } c"),
        ("{{ ds }}\n", "2024-02-29"),
        ("{# note #}x", "x"),
        (["{{ ds }}", 3, ("{{ ds }}",)], ["2024-02-29", 3, ("2024-02-29",)]),
        (
            {"{{ ds }}": "{{ ds }}", "n": {"m": "{{ ds }}"}},
            {"{{ ds }}": "2024-02-29", "n": {"m": "2024-02-29"}},
        ),
        ({"{{ ds }}"}, {"2024-02-29"}),
        (Pair("{{ ds }}", 1), Pair("2024-02-29", 1)),
        (5, 5),
        (None, None),
        (
            "{{ logical_date | ds_nodash }} {{ logical_date | ts_nodash }}",
            "20240229 20240229T120000",
        ),
        (
            "{{ logical_date | ts }} {{ logical_date | ts_nodash_with_tz }}",
            "2024-02-29T12:00:00+00:00 20240229T120000+0000",
        ),
        ("{{ None | ds }}", "None"),
        (
            "{{ macros.ds_add(ds, 5) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}",
            "2024-03-05 29.02.24",
        ),
        ("{{ macros.timedelta(days=1) }} {{ macros.json.dumps([1]) }}", "1 day, 0:00:00 [1]"),
        ("{{ 0 <= macros.random() < 1 }}", "True"),
        (
            "{{ macros.dateutil.parser.parse('2024-05-01').day }}"
            " {{ macros.dateutil.relativedelta.relativedelta(months=1).months }}",
            "1 1",
        ),
        ("{{ macros.datetime(2024, 1, 1).year }} {{ macros.uuid.UUID(int=1).int }}", "2024 1"),
        ("{% do [1].append(2) %}x", "x"),
    ],
)
def test_values_are_rendered_as_airflow_renders_them(show, value, wanted):
    assert show(value)[0] == wanted


@pytest.mark.parametrize("value", ["plain", "plain\n", "a\n\n", "a { b", "", " x ", "ünï\n"])
def test_text_without_a_template_is_what_jinja_makes_of_it(show, value):
    assert show(value)[0] == jinja2.Environment().from_string(value).render()


def test_plain_text_does_not_import_jinja(make_context, monkeypatch):
    with DAG("d", schedule=None):
        task = BashOperator(task_id="t", bash_command="true")
    monkeypatch.setitem(sys.modules, "jinja2", None)

    assert render_fields(task, make_context(task)) == {
        "bash_command": "true",
        "env": None,
        "cwd": None,
    }


@pytest.mark.parametrize(
    "text", ["{{ missing }}", "{{ params.missing }}", "{{ dag_run.conf.missing.more }}"]
)
def test_what_is_undefined_fails(show, text):
    with pytest.raises(jinja2.UndefinedError):
        show(text)


def test_templates_are_sandboxed(show):
    with pytest.raises(jinja2.exceptions.SecurityError):
        show("{{ ''.__class__.__mro__ }}")


def test_the_dags_macros_filters_and_options_hold(show):
    options = {
        "user_defined_macros": {"greet": lambda name: f"hi {name}"},
        "user_defined_filters": {"shout": str.upper},
        "jinja_environment_kwargs": {"variable_start_string": "<<", "variable_end_string": ">>"},
        "template_undefined": jinja2.Undefined,
    }

    assert (
        show("<< greet('you') | shout >>{{ ds }}<< missing >>", dag_options=options)[0]
        == "HI YOU{{ ds }}"
    )


def test_native_rendering_keeps_types(show):
    options = {"render_template_as_native_obj": True}

    assert show("{{ params }}", dag_options=options, params={"a": [1]})[0] == {"a": [1]}
    assert show("[1, 2]", dag_options=options)[0] == [1, 2]


def test_a_template_file_is_found_beside_the_dag_file_or_in_the_search_path(show, tmp_path):
    (tmp_path / "near.txt").write_text("near {{ ds }}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.txt").write_text("far {% include 'near.txt' %}")

    rendered = show(["near.txt", "far.txt"], dag_options={"template_searchpath": str(elsewhere)})[0]

    assert rendered == ["near 2024-02-29", "far near 2024-02-29"]


def test_a_missing_template_file_is_named_with_the_way_out(show):
    with pytest.raises(
        jinja2.TemplateNotFound,
        match=r"no template file 'missing\.txt' .* put a space after its name",
    ):
        show("missing.txt")


def test_an_object_with_template_fields_is_rendered_in_place(show):
    class Request:
        template_fields = ("url", "self_too")

        def __init__(self):
            self.url = "/{{ ds }}"
            self.self_too = self

    request = Request()
    show([request])

    assert request.url == "/2024-02-29"


def test_an_xcom_argument_is_pulled(make_context):
    with DAG("d", schedule=None):
        one = PythonOperator(task_id="one", python_callable=bool)
        two = PythonOperator(
            task_id="two",
            python_callable=print,
            op_args=[one.output, {"k": one.output["k"]}, f"got {one.output}"],
        )
    context = make_context(two, {("one", "return_value"): [1], ("one", "k"): 0})
    render_fields(two, context | {"task_instance": context["ti"]})

    assert two.op_args == [[1], {"k": 0}, "got [1]"]


def test_a_missing_return_value_is_none_and_any_other_missing_key_an_error(make_context):
    from airflow_lite.errors import XComNotFound

    with DAG("d", schedule=None):
        one = PythonOperator(task_id="one", python_callable=bool)
        two = PythonOperator(task_id="two", python_callable=print, op_args=[one.output])
        three = PythonOperator(task_id="three", python_callable=print, op_args=[one.output["gone"]])
    render_fields(two, make_context(two))

    assert two.op_args == [None]
    with pytest.raises(XComNotFound, match="Task 'one' has pushed no XCom 'gone'"):
        render_fields(three, make_context(three))


def test_a_missing_key_of_a_task_with_multiple_outputs_is_none(make_context):
    with DAG("d", schedule=None):
        one = PythonOperator(task_id="one", python_callable=bool, multiple_outputs=True)
        two = PythonOperator(
            task_id="two", python_callable=print, op_args=[one.output["gone"], [one.output["too"]]]
        )
    render_fields(two, make_context(two))

    assert two.op_args == [None, [None]]


class Holder:
    """What an argument may hold: an object with templated fields of its own."""

    template_fields = ("value", "nothing")

    def __init__(self, value):
        self.value, self.nothing = value, None


class Neither:
    """As a table of pandas, neither true nor false."""

    def __bool__(self):
        raise ValueError("ambiguous")


def rendered(make_context, value):
    with DAG("d", schedule=None):
        task = Show(task_id="own", value=value)
    render_fields(task, make_context(task))
    return task.value


def by_function(context, jinja_env):
    return f"{context['task'].task_id} on {jinja_env.from_string('{{ ds }}').render(context)}"


def test_a_field_that_is_a_function_is_called_for_its_value(make_context):
    assert rendered(make_context, by_function) == "own on 2024-02-29"


@pytest.mark.parametrize(
    "make",
    [
        lambda value: BashOperator(task_id="own", bash_command=value),
        lambda value: BashSensor(task_id="own", bash_command=value),
        lambda value: FileSensor(task_id="own", filepath=value),
        lambda value: TriggerDagRunOperator(task_id="own", trigger_dag_id=value),
        lambda value: TriggerDagRunOperator(task_id="own", trigger_dag_id="d", conf=value),
        lambda value: EmailOperator(
            task_id="own", to="a@b.example", subject=value, html_content=""
        ),
    ],
)
def test_a_templated_argument_may_be_a_function(make_context, make):
    with DAG("d", schedule=None):
        task = make(by_function)
    shown = render_fields(task, make_context(task))

    assert "own on 2024-02-29" in shown.values()


def test_what_such_a_function_returns_is_not_rendered_again(make_context):
    assert rendered(make_context, lambda context, jinja_env: "{{ ds }}") == "{{ ds }}"


def test_a_callable_object_counts_as_a_function(make_context):
    from functools import partial

    assert rendered(make_context, partial(by_function)) == "own on 2024-02-29"


def test_a_function_within_a_list_is_left_alone(make_context):
    assert rendered(make_context, [by_function]) == [by_function]


def test_a_function_in_the_field_of_an_object_is_called(make_context):
    assert rendered(make_context, Holder(by_function)).value == "own on 2024-02-29"


def test_a_value_that_is_neither_true_nor_false_is_kept(make_context):
    value = Neither()

    assert rendered(make_context, value) is value


@pytest.mark.parametrize("field", ["op_args", "op_kwargs", "templates_dict"])
def test_arguments_of_a_python_operator_may_come_from_a_function(make_context, field):
    with DAG("d", schedule=None):
        given: Any = {field: lambda context, jinja_env: context["ds"]}
        task = PythonOperator(task_id="t", python_callable=print, **given)
    render_fields(task, make_context(task))

    assert getattr(task, field) == "2024-02-29"


def test_the_environment_of_a_command_may_come_from_a_function(make_context):
    with DAG("d", schedule=None):
        task = BashOperator(
            task_id="t", bash_command="true", env=lambda context, jinja_env: {"DAY": context["ds"]}
        )
    render_fields(task, make_context(task))

    assert task.env == {"DAY": "2024-02-29"}


@pytest.mark.parametrize(
    ("operator", "field", "others"),
    [
        (ExternalTaskSensor, "external_dag_id", {"external_task_id": "there"}),
        (ExternalTaskSensor, "external_task_id", {"external_dag_id": "other"}),
        (ExternalTaskSensor, "external_task_ids", {"external_dag_id": "other"}),
        (ExternalTaskSensor, "external_task_group_id", {"external_dag_id": "other"}),
        (PythonVirtualenvOperator, "venv_cache_path", {"python_callable": by_function}),
        (ExternalPythonOperator, "python", {"python_callable": by_function}),
    ],
)
def test_arguments_of_operators_may_come_from_a_function(make_context, operator, field, others):
    with DAG("d", schedule=None):
        task = operator(task_id="t", **others, **{field: lambda context, jinja_env: context["ds"]})
    render_fields(task, make_context(task))

    assert getattr(task, field) == "2024-02-29"


@pytest.mark.parametrize(
    ("operator", "field", "others"),
    [
        (DateTimeSensor, "target_time", {}),
        (PythonVirtualenvOperator, "requirements", {"python_callable": by_function}),
    ],
)
def test_a_function_for_an_argument_that_is_taken_apart_at_once_is_refused(operator, field, others):
    with DAG("d", schedule=None), pytest.raises((TypeError, ValueError), match=field):
        operator(task_id="t", **others, **{field: by_function})


def test_a_literal_is_handed_over_unrendered(make_context):
    value = {"a": "{{ ds }}", "b": ["{% if"]}

    assert rendered(make_context, literal(value)) == value
    assert rendered(make_context, [literal("{{ ds }}"), "{{ ds }}"]) == ["{{ ds }}", "2024-02-29"]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ((1, "a"), [1, "a"]),
        ({"f": len}, {"f": "<callable len>"}),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01 00:00:00+00:00"),
        ({1: {2}}, {"1": [2]}),
    ],
)
def test_rendered_values_are_shown_as_json_can_hold_them(value, wanted):
    assert presentable(value) == wanted


def test_a_long_rendered_value_is_shown_cut():
    shown = presentable("x" * 10_000)

    assert len(shown) < 4100
    assert shown.endswith("… (10000 characters)")


def test_the_environment_needs_no_dag():
    task = Show(task_id="t", value="x")

    assert environment(task).from_string("{{ 1 + 1 }}").render() == "2"


@pytest.mark.parametrize(
    ("moment", "since", "wanted"),
    [
        (datetime(2024, 1, 4), datetime(2024, 1, 1), "3 days after"),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 1), "1 minute before"),
        (datetime(2024, 1, 1), datetime(2022, 1, 1), "2 years after"),
    ],
)
def test_the_difference_between_moments_in_words(moment, since, wanted):
    assert macros.datetime_diff_for_humans(moment, since) == wanted


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("2024-07-12", "%Y-%m-%d", "EEEE dd MMMM yyyy", "en_US"), "Friday 12 July 2024"),
        (("12/07/2024", "%d/%m/%Y", "EEEE dd MMMM yyyy", "de"), "Freitag 12 Juli 2024"),
        (("2015-01-01", "%Y-%m-%d", "MM-dd-yy"), "01-01-15"),
    ],
)
def test_a_date_is_written_in_the_words_of_a_locale(arguments, wanted):
    assert macros.ds_format_locale(*arguments) == wanted


def test_where_babel_is_missing_that_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel.core", None)
    with pytest.raises(AirflowException) as raised:
        macros.ds_format_locale("2024-07-12", "%Y-%m-%d", "EEEE")

    assert str(raised.value) == (
        "macros.ds_format_locale writes by Babel, which is not installed where this task runs."
        " Install babel there."
    )

"""The context of a task, whose costly names are looked up only for who asks."""

from __future__ import annotations

import copy

import pytest

from airflow_lite import DAG, BaseOperator, PythonOperator
from airflow_lite.authoring.context import Context, Lazy
from airflow_lite.authoring.render import render_fields


class Show(BaseOperator):
    template_fields = ("value",)

    def __init__(self, *, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value


@pytest.fixture
def context(make_context):
    """A context with two lazy names, `asked` being the names that were looked up."""

    def make(task):
        asked = []

        def look_up(name, value):
            asked.append(name)
            return value

        made = Context(make_context(task))
        made["void"] = Lazy(lambda: look_up("void", None))
        made["seven"] = Lazy(lambda: look_up("seven", 7))
        return made, asked

    return make


@pytest.fixture
def task():
    with DAG("d", schedule=None):
        return Show(task_id="t", value="")


def named(**names):
    return names


@pytest.mark.parametrize(
    "read",
    [
        lambda context: context["void"],
        lambda context: context.get("void"),
        lambda context: dict(context)["void"],
        lambda context: {**context}["void"],
        lambda context: named(**context)["void"],
        lambda context: dict(context.items())["void"],
        lambda context: context.copy()["void"],
        lambda context: context.pop("void"),
        lambda context: context.setdefault("void", 1),
        lambda context: ({} | context)["void"],
        lambda context: copy.copy(context)["void"],
        lambda context: (context | {})["void"],
        lambda context: list(context.values())[list(context).index("void")],
    ],
)
def test_a_name_that_is_none_is_none_however_it_is_read(context, task, read):
    assert read(context(task)[0]) is None


def test_a_context_that_is_printed_shows_values(context, task):
    assert "'void': None, 'seven': 7" in repr(context(task)[0])


def test_a_template_looks_up_only_what_it_names(context, task):
    names, asked = context(task)
    task.value = "{{ void is none }} {{ seven + 1 }}{% for _ in [1] %} {{ seven }}{% endfor %}"

    render_fields(task, names)

    assert task.value == "True 8 7"
    assert asked == ["void", "seven"]


def test_a_function_looks_up_only_what_it_names(context):
    with DAG("d", schedule=None):
        task = PythonOperator(task_id="t", python_callable=lambda void, ds: (void, ds))
    names, asked = context(task)

    assert task.execute(names) == (None, "2024-02-29")
    assert asked == ["void"]


def test_a_function_that_takes_all_names_gets_all_values(context):
    with DAG("d", schedule=None):
        task = PythonOperator(
            task_id="t", python_callable=lambda **names: (names["void"], names["seven"])
        )

    assert task.execute(context(task)[0]) == (None, 7)

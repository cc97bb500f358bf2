"""The source of a function that another interpreter calls, and what may be such a function."""

from __future__ import annotations

import functools

import pytest

from airflow_lite import DAG, ExternalPythonOperator, PythonVirtualenvOperator, task
from airflow_lite.authoring.operators.other_python.program import source_of


def kept(function):
    return function


def wrapped(*_marks):
    return kept


@task.external_python(
    python="/usr/bin/python3",
    task_id="x",
)
@kept
@wrapped(
    1,
    2,
)
def decorated(a: int, *, b="@task"):
    # a remark
    return f"""
{a} {b}"""


def test_decorators_that_make_a_task_are_left_out_and_others_stay():
    source = source_of(decorated.function)

    assert source.startswith("@kept\n@wrapped(\n    1,\n    2,\n)\ndef decorated(")
    assert "external_python" not in source
    assert source.endswith('''def decorated(a: int, *, b="@task"):
    # a remark
    return f"""
{a} {b}"""''')


def test_a_function_within_another_is_dedented():
    def inner():
        return 1

    assert source_of(inner) == "def inner():\n    return 1"


def generator():
    yield 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1, "a function that is defined by def"),
        (functools.partial(kept, 1), "a function that is defined by def"),
        (print, "a function that is defined by def"),
        (generator, "a function without yield"),
    ],
)
def test_what_cannot_be_sent_as_text_is_refused(function, message):
    with DAG("d", schedule=None), pytest.raises(TypeError, match=message):
        PythonVirtualenvOperator(task_id="t", python_callable=function)


def test_serializers_are_those_that_there_are():
    with (
        DAG("d", schedule=None),
        pytest.raises(TypeError, match="one of pickle, cloudpickle, dill"),
    ):
        ExternalPythonOperator(
            task_id="t", python="python3", python_callable=kept, serializer="marshal"
        )

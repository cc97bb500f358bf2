"""What a DAG's file says in text is refused there where a column would not take it."""

from __future__ import annotations

import pytest

from airflow_lite import DAG, EmptyOperator
from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.serialize import dag_spec

NO_TEXTS = ["a\0b", "half of an emoji: \ud83d"]


def dag_with(of_dag=None, of_task=None):
    with DAG("odd", schedule=None, **(of_dag or {})) as dag:
        EmptyOperator(task_id="t", **(of_task or {}))
    return dag


@pytest.mark.parametrize("text", NO_TEXTS)
def test_a_description_that_no_database_keeps_is_refused(text):
    with pytest.raises(AirflowDagException, match=r"^DAG odd: description .* is no text\.$"):
        dag_spec(dag_with({"description": text}))


@pytest.mark.parametrize("text", NO_TEXTS)
@pytest.mark.parametrize("name", ["queue", "pool"])
def test_a_queue_or_pool_that_no_database_keeps_is_refused(name, text):
    with pytest.raises(AirflowDagException, match=f"{name} of task 't' .* is no text"):
        dag_spec(dag_with(of_task={name: text}))


def test_an_owner_that_no_database_keeps_is_refused():
    with pytest.raises(AirflowDagException, match="owners .* is no text"):
        dag_spec(dag_with(of_task={"owner": "a\0b"}))


@pytest.mark.parametrize("name", ["queue", "pool"])
def test_a_queue_or_pool_is_as_long_as_its_column_at_most(name):
    dag_spec(dag_with(of_task={name: "x" * 250}))
    with pytest.raises(AirflowDagException, match=f"{name} of task 't' has 251 characters"):
        dag_spec(dag_with(of_task={name: "x" * 251}))


def test_an_operator_whose_class_has_too_long_a_name_is_refused():
    kind = type("Long" * 80, (EmptyOperator,), {})
    with DAG("odd", schedule=None) as dag:
        kind(task_id="t")
    with pytest.raises(AirflowDagException, match="operator of task 't' has 320 characters"):
        dag_spec(dag)

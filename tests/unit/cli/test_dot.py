"""Graphs: every edge, with its label if it has one."""

from __future__ import annotations

from typing import Any

from airflow_lite import DAG, BaseOperator, Dataset, DatasetAlias, EmptyOperator, Label
from airflow_lite.cli.dot import dependencies_dot, dot
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec.model import DagSpec


def test_an_edge_shows_its_label_however_the_dag_was_kept(fresh_home: object) -> None:
    with DAG("d", schedule=None) as dag:
        check, load, report = (EmptyOperator(task_id=name) for name in ("check", "load", "report"))
        check >> Label('"new"\nrows') >> load >> report
    kept = DagSpec.from_json(dag_spec(dag).to_json())

    assert dot(kept).splitlines()[-3:] == [
        '\t"check" -> "load" [label="\\"new\\"\\nrows"]',
        '\t"load" -> "report"',
        "}",
    ]


def test_a_dag_that_another_starts_is_at_the_end_of_its_edge(fresh_home: object) -> None:
    class Starts(BaseOperator):
        def __init__(self, trigger_dag_id: object, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.trigger_dag_id = trigger_dag_id

    with DAG("d", schedule=None) as dag:
        before = EmptyOperator(task_id="before")
        Starts(trigger_dag_id="other", task_id="go")
        Starts(trigger_dag_id=before.output, task_id="told")

    assert dependencies_dot([dag_spec(dag)]).splitlines()[4:] == [
        '\t\t"d.go" [label="go" shape=rectangle]',
        '\t\t"d" -> "d.go"',
        '\t\t"d.go" -> "other"',
        "\t}",
        "}",
    ]


def test_datasets_stand_between_the_dags_that_change_them_and_those_that_wait(
    fresh_home: object,
) -> None:
    with DAG("makes", schedule=None) as makes:
        EmptyOperator(task_id="a", outlets=[Dataset("s3://orders/x"), DatasetAlias("today")])
        EmptyOperator(task_id="b", outlets=[Dataset("s3://orders/x")])
    waiting = DAG("waits", schedule=Dataset("s3://orders/x") | DatasetAlias("today"))

    lines = dependencies_dot([dag_spec(makes), dag_spec(waiting)]).splitlines()
    assert [line.strip() for line in lines if "[label" not in line] == [
        "digraph {",
        "graph [rankdir=LR]",
        'subgraph "makes" {',
        '"s3://orders/x" [shape=note]',
        '"today" [shape=note]',
        '"makes" -> "s3://orders/x"',
        '"makes" -> "today"',
        "}",
        'subgraph "waits" {',
        '"s3://orders/x" [shape=note]',
        '"today" [shape=note]',
        '"s3://orders/x" -> "waits"',
        '"today" -> "waits"',
        "}",
        "}",
    ]

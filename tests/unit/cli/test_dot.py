"""Graphs: every edge, with its label if it has one."""

from __future__ import annotations

from airflow_lite import DAG, EmptyOperator, Label
from airflow_lite.cli.dot import dot
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

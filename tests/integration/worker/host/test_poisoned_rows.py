"""Rows that make no sense end the attempt that reads them: the host goes on with the others."""

from __future__ import annotations

import pytest

DAG = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    PythonOperator(
        task_id="pulls", python_callable=lambda ti: ti.xcom_pull(task_ids="odd", key="k")
    )
    PythonOperator(task_id="other", python_callable=lambda: None)
"""


def poison(hosted, statement, *values):
    with hosted.store.begin() as connection:
        connection.exec_driver_sql(statement, values)


@pytest.fixture
def hosted(make_hosted):
    """A host that has run an attempt well."""
    hosted = make_hosted(DAG)
    hosted.start()
    hosted.wait(hosted.give("other"))
    return hosted


def test_an_xcom_that_makes_no_sense_fails_the_task_that_asks_for_it(hosted):
    before = hosted.host.pid
    poison(
        hosted,
        "INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, at_us)"
        " SELECT id, 'odd', -1, 'k', ?, 0 FROM dag_run",
        b"\xff",
    )
    token = hosted.give("pulls")
    hosted.wait(token)
    assert hosted.row("pulls").state == "failed"
    assert "The metadata database has what cannot be read" in hosted.attempt(token).cause
    assert hosted.host.pid == before


def test_a_run_whose_conf_makes_no_sense_is_let_go_of_and_the_host_stays(hosted):
    before = hosted.host.pid
    poison(hosted, "UPDATE dag_run SET conf = '{'")
    token = hosted.give("pulls")
    hosted.wait(token)
    assert hosted.ended[token] is False
    assert hosted.host.pid == before

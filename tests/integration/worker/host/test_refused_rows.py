"""A value that fits its column, and that PostgreSQL's index does not take, ends its attempt alone."""

from __future__ import annotations

import pytest

from fixtures.databases import SETTING

#: The key is as long as its column allows. An index holds no row of more than 2,704 bytes, and
#: letters of three bytes each in no order cannot be written shorter.
DAG = """
import random
from datetime import datetime
from airflow_lite import DAG, PythonOperator

KEY = "".join(map(chr, random.Random(7).sample(range(0x4E00, 0x9FA5), 512)))

def push(ti):
    ti.xcom_push(KEY, 1)

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="odd", python_callable=push, retries=1)
    PythonOperator(task_id="other", python_callable=lambda: 7)
"""


@pytest.fixture
def hosted(made_postgres, make_hosted):
    """A host whose store is on a PostgreSQL server, whose owner has added an index of XComs."""
    hosted = make_hosted(DAG, **{SETTING: made_postgres()})
    with hosted.store.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX wide ON xcom ((key || key))")
    hosted.start()
    return hosted


def test_an_xcom_that_no_index_takes_fails_its_task_and_nothing_else(hosted, capfd):
    tokens = [hosted.give(name) for name in ("odd", "other")]
    hosted.wait(*tokens)
    assert [hosted.row(name).state for name in ("odd", "other")] == ["up_for_retry", "success"]
    assert hosted.xcoms("other") == {"return_value": 7}
    assert hosted.xcoms("odd") == {}
    cause = hosted.attempt(tokens[0]).cause
    assert cause.startswith("what it gave cannot be recorded: index row size ")
    assert "cannot use the metadata database" not in capfd.readouterr().err

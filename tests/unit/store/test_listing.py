"""Listings show every DAG, also beside one whose row makes no sense."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.store import listing
from airflow_lite.store.engine import open_store

JUNK = ["junk", "[1]", "7", "null", "{}", "[" * 100_000, b"\xff", '{"tasks": 3}']


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("column", ["spec", "tags"])
def test_a_dag_whose_row_makes_no_sense_hides_no_other(tmp_path, column, junk):
    store = open_store(Config(tmp_path))
    given = {"spec": "{}", "tags": "[]", column: junk}
    with store.begin() as connection:
        for number, dag_id in enumerate(["bad", "good"]):
            values = given if dag_id == "bad" else {"spec": "{}", "tags": '["a"]'}
            connection.exec_driver_sql(
                "INSERT INTO dag_version (id, dag_id, number, digest, spec, created_us)"
                " VALUES (?, ?, 1, 'x', ?, 0)",
                (number, dag_id, values["spec"]),
            )
            connection.exec_driver_sql(
                "INSERT INTO dag (dag_id, fileloc, version_id, tags) VALUES (?, 'x.py', ?, ?)",
                (dag_id, number, values["tags"]),
            )
    with store.read() as connection:
        found = listing.dags(connection)
    store.close()
    assert [row["dag_id"] for row in found] == ["bad", "good"]
    assert found[1]["tags"] == ["a"]

"""Params with a schema, checked in every child of a file zygote."""

from __future__ import annotations

import pytest

DAG_FILE = """
import os, sys
from datetime import datetime
import airflow_lite
from airflow_lite import DAG, PythonOperator
Typed = getattr(airflow_lite, %r + %r)
seen = ["jsonschema" in sys.modules]
os.register_at_fork(before=lambda: seen.append("jsonschema" in sys.modules))

def tell(params):
    return {"size": params["size"], "seen": seen[:2]}

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    PythonOperator(
        task_id="tells", python_callable=tell, params={"size": Typed(5, type="integer")}
    )
"""


@pytest.mark.parametrize(
    ("halves", "seen"),
    [(("Param", ""), [True, True]), (("Par", "am"), [False, True])],
    ids=[
        "by the base zygote, as the file says Param",
        "by the file's zygote, as a param has a schema",
    ],
)
def test_what_checks_params_is_imported_before_the_first_child_is_forked(make_hosted, halves, seen):
    hosted = make_hosted(DAG_FILE % halves)
    hosted.start()

    assert hosted.finish("tells", 1).state == "success"
    assert hosted.xcoms("tells")["return_value"] == {"size": 5, "seen": seen}

"""A task's executor must be one that is there."""

from __future__ import annotations

import json

import pytest

from airflow_lite.parsing.file import Options, parse

DAG = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None):
    EmptyOperator(task_id="t", executor={executor!r})
"""
NAMES = ("LocalExecutor", "KubernetesExecutor", "LocalKubernetesExecutor")


@pytest.fixture
def parsed(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.path", [*__import__("sys").path])

    def parsed(executor, names=NAMES):
        path = tmp_path / "d.py"
        path.write_text(DAG.format(executor=executor))
        options = Options(60.0, 0, str(tmp_path), executors=names)
        return parse(str(path), options)

    return parsed


@pytest.mark.parametrize(
    ("executor", "kept"),
    [
        (None, None),
        ("KubernetesExecutor", "KubernetesExecutor"),
        ("airflow.providers.cncf.kubernetes.executors.x.KubernetesExecutor", "KubernetesExecutor"),
    ],
)
def test_an_executor_is_kept_by_its_name(parsed, executor, kept):
    result = parsed(executor)
    assert result["error"] is None
    assert json.loads(result["dags"][0])["tasks"]["t"].get("executor") == kept


def test_an_executor_that_is_not_there_is_refused_with_those_that_are(parsed):
    result = parsed("CeleryExecutor")
    assert result["dags"] == []
    assert (
        "Task d.t: executor is 'CeleryExecutor', which is not there. Make it LocalExecutor or"
        " KubernetesExecutor or LocalKubernetesExecutor, or leave it out." in result["error"]
    )


def test_nothing_is_refused_where_nobody_knows_what_is_there(parsed):
    assert parsed("CeleryExecutor", ())["error"] is None

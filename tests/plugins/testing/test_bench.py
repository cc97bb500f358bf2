"""The kit's own environment: what the author's shell says to airflow-lite does not reach it."""

from __future__ import annotations

import os

import pytest

from airflow_lite.plugins.discovery.locate import Located
from airflow_lite_testing.bench import Bench, without_settings
from airflow_lite_testing.certificate import certify
from airflow_lite_testing.end_to_end import error_in

PATH = "airflow_lite_testing.reference_executor.ReferenceExecutor"


def test_settings_of_the_shell_are_left_out_but_for_those_of_plugins():
    environ = {
        "PATH": "/bin",
        "AIRFLOW_LITE_HOME": "/elsewhere",
        "AIRFLOW_LITE_NO_PLUGINS": "1",
        "AIRFLOW_LITE__CORE__DAGS_FOLDER": "/elsewhere",
        "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN": "postgresql://",
        "AIRFLOW_LITE__ACME__URL": "http://acme",
    }
    assert without_settings(environ) == {"PATH": "/bin", "AIRFLOW_LITE__ACME__URL": "http://acme"}


def test_a_bench_leaves_the_environment_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE__CORE__DAGS_FOLDER", "/elsewhere")
    before = dict(os.environ)
    bench = Bench(tmp_path / "bench")
    bench.make()
    with bench.enter({"AIRFLOW_LITE__CORE__PARALLELISM": "3"}):
        assert "AIRFLOW_LITE__CORE__DAGS_FOLDER" not in os.environ
        assert os.environ["AIRFLOW_LITE__CORE__PARALLELISM"] == "3"
        assert os.environ["AIRFLOW_LITE_HOME"] == str(bench.home)
    assert dict(os.environ) == before


def test_a_sound_executor_is_certified_whatever_the_shell_says(tmp_path, monkeypatch):
    for name, value in {
        "CORE__DAGS_FOLDER": str(tmp_path),
        "CORE__EXECUTOR": "Nothing",
        "SCHEDULER__SHUTDOWN_GRACE_S": "nonsense",
    }.items():
        monkeypatch.setenv(f"AIRFLOW_LITE__{name}", value)
    found = certify(Located(PATH, PATH), cases=["end-to-end.dag.ends-as-it-must"], wait_s=60.0)
    assert [(case.result, case.reason) for case in found.cases] == [("passed", "")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "Made the metadata database sqlite:////x.db\nairflow-lite: error: There is no DAG 'd'.\n",
            "airflow-lite: error: There is no DAG 'd'.",
        ),
        ("airflow-lite: error: one\nafterwards\n", "airflow-lite: error: one"),
        ("Traceback\n  File\nValueError: boom\n\n", "ValueError: boom"),
        ("", "no reason given"),
    ],
)
def test_the_reason_is_the_error_not_the_first_line(text, error):
    assert error_in(text) == error

"""Names and labels of pods, which must be ones that Kubernetes takes, whatever the ids are."""

from __future__ import annotations

import re

import pytest

from airflow_lite.executors import TaskInstanceKey
from airflow_lite_k8s_executor.pods.naming import label_value, metadata, pod_name, token_of

TOKEN = "0123456789abcdef" * 2
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
IDS = ["plain", "Über.Größe", "x" * 200, "---", "a" * 29 + "-b", "_x_", "ß", "group.task-1"]


@pytest.mark.parametrize("dag_id", IDS)
@pytest.mark.parametrize("task_id", IDS)
def test_every_id_makes_a_name_of_its_own_token(dag_id, task_id):
    name = pod_name(TaskInstanceKey(dag_id, task_id, "run", 1, -1, TOKEN))
    assert NAME.fullmatch(name)
    assert len(name) <= 63  # so that it is the pod's host name whole
    assert name.endswith(f"-{TOKEN}")


@pytest.mark.parametrize("text", [*IDS, "manual__2024-01-01T00:00:00+00:00", "", "a" * 63])
def test_every_text_makes_a_label(text):
    value = label_value(text)
    assert LABEL.fullmatch(value)
    assert len(value) <= 63


def test_texts_that_look_alike_as_labels_differ():
    assert label_value("a:b") != label_value("a;b")
    assert label_value("a.b") == "a.b"


def test_labels_and_annotations_are_those_of_airflow():
    key = TaskInstanceKey("dag", "task", "manual__2024-01-01T00:00:00+00:00", 2, 3, TOKEN)
    made = metadata(key, instance="here", owner="17")
    ids = {
        "dag_id": "dag",
        "task_id": "task",
        "run_id": "manual__2024-01-01T00:00:00+00:00",
        "try_number": "2",
        "map_index": "3",
    }
    assert made["annotations"] == ids
    assert made["labels"] == {
        **ids,
        "run_id": label_value(ids["run_id"]),
        "kubernetes_executor": "True",
        "airflow-worker": "17",
        "airflow-lite-instance": "here",
        "airflow-lite-attempt": TOKEN,
    }
    assert token_of({"metadata": made}) == TOKEN


@pytest.mark.parametrize("pod", [{}, {"metadata": {}}, {"metadata": {"labels": None}}])
def test_a_pod_without_our_label_has_no_token(pod):
    assert token_of(pod) is None

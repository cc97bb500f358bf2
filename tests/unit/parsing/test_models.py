"""Models of Kubernetes' clients in an executor_config, written as Kubernetes writes pods."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from airflow_lite import DAG, AirflowDagException, EmptyOperator
from airflow_lite.parsing.serialize import dag_spec


class Model:
    """As those of the official client up to 36."""

    attribute_map: ClassVar[dict[str, str]] = {}

    def __init__(self, **fields):
        for name in self.attribute_map:
            setattr(self, name, fields.get(name))


class Container(Model):
    attribute_map: ClassVar[dict[str, str]] = {
        "image_pull_policy": "imagePullPolicy",
        "name": "name",
        "env": "env",
    }


class Spec(Model):
    attribute_map: ClassVar[dict[str, str]] = {
        "node_selector": "nodeSelector",
        "containers": "containers",
    }

    def to_dict(self):
        raise AssertionError("it has Python's names, not those of Kubernetes")


class Written:
    """As those that write themselves as Kubernetes does: lightkube's, the official one's from 37."""

    def to_dict(self):
        return {"podSpec": None, "nodeName": "n", "tolerations": [{"key": None}]}


def config_of(config):
    with DAG("d", schedule=None) as dag:
        EmptyOperator(task_id="t", executor_config=config)
    return dag_spec(dag).tasks["t"].executor_config


def test_a_model_is_written_with_the_names_that_kubernetes_has():
    base = Container(name="base", image_pull_policy="Always", env=[{"name": "snake_name"}])
    spec = Spec(containers=[base, Container(name="side")], node_selector={"a_b": "c"})
    assert config_of({"pod_override": {"spec": spec}}) == {
        "pod_override": {
            "spec": {
                "nodeSelector": {"a_b": "c"},
                "containers": [
                    {"imagePullPolicy": "Always", "name": "base", "env": [{"name": "snake_name"}]},
                    {"name": "side"},
                ],
            }
        }
    }


def test_a_model_that_writes_itself_is_taken_at_its_word():
    assert config_of({"pod_override": Written()}) == {
        "pod_override": {"nodeName": "n", "tolerations": [{"key": None}]}
    }


def test_the_spec_has_a_copy():
    config: dict[str, Any] = {"pod_override": {"metadata": {"labels": {}}}}
    of_task = config_of(config)
    config["pod_override"]["metadata"]["labels"]["x"] = "y"
    assert of_task == {"pod_override": {"metadata": {"labels": {}}}}


def test_what_is_no_model_is_told():
    with pytest.raises(AirflowDagException, match="Object of type object is not JSON"):
        config_of({"pod_override": object()})

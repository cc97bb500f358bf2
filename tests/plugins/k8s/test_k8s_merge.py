"""What a pod override does to a template."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from airflow_lite_k8s_executor.pods.merge import merged

BASE: dict[str, Any] = {
    "spec": {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a"}],
        "containers": [
            {"name": "base", "image": "one", "env": [{"name": "A", "value": "1"}], "args": ["x"]},
            {"name": "side", "image": "two"},
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
}


def containers(over):
    return merged(BASE, {"spec": {"containers": over}})["spec"]["containers"]


def test_containers_are_merged_by_name_and_others_stay():
    base, side = containers([{"name": "base", "image": "three"}])
    assert base == {**BASE["spec"]["containers"][0], "image": "three"}
    assert side == BASE["spec"]["containers"][1]


def test_a_container_of_another_name_is_added():
    assert [one["name"] for one in containers([{"name": "more"}])] == ["base", "side", "more"]


def test_variables_are_merged_by_name():
    over = [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]
    base, _ = containers([{"name": "base", "env": over}])
    assert base["env"] == over


def test_a_plain_list_is_replaced():
    base, _ = containers([{"name": "base", "args": ["y", "z"]}])
    assert base["args"] == ["y", "z"]


def test_tolerations_are_added_once():
    over = {"spec": {"tolerations": [{"key": "a"}, {"key": "b"}]}}
    assert merged(BASE, over)["spec"]["tolerations"] == [{"key": "a"}, {"key": "b"}]


def test_null_takes_a_field_away():
    assert "nodeSelector" not in merged(BASE, {"spec": {"nodeSelector": None}})["spec"]


def test_a_deleted_item_goes():
    (base,) = containers([{"name": "side", "$patch": "delete"}])
    assert base["name"] == "base"


@pytest.mark.parametrize("other", [{"containerPort": 1, "protocol": "UDP"}, {"containerPort": 2}])
def test_ports_differ_by_number_and_protocol(other):
    base = {"ports": [{"containerPort": 1}]}
    assert merged(base, {"ports": [{"containerPort": 1, "protocol": "TCP"}]})["ports"] == [
        {"containerPort": 1, "protocol": "TCP"}
    ]
    assert merged(base, {"ports": [other]})["ports"] == [{"containerPort": 1}, other]


def test_neither_side_is_changed():
    base, over = deepcopy(BASE), {"spec": {"containers": [{"name": "new", "env": []}]}}
    result = merged(base, over)
    result["spec"]["containers"][2]["env"].append("x")
    result["spec"]["nodeSelector"]["more"] = "y"
    assert base == BASE
    assert over == {"spec": {"containers": [{"name": "new", "env": []}]}}

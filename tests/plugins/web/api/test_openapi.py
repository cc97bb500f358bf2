"""Our OpenAPI document, beside Airflow's and beside what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_lite_web.api.missing import MISSING
from airflow_lite_web.api.openapi import document
from airflow_lite_web.api.problems import KINDS
from airflow_lite_web.api.routing import ENDPOINTS

DOCUMENT = document("1", ENDPOINTS, MISSING)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
NOT_OFFERED = {each.operation for each in MISSING}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_operation_of_airflow_is_there_under_its_name(golden):
    theirs = {call: of["name"] for call, of in golden("api")["operations"].items()}
    assert {call: of["operationId"] for call, of in OPERATIONS.items()} == theirs


def test_what_is_offered_has_every_parameter_that_it_has_in_airflow(golden):
    theirs = {call: of["parameters"] for call, of in golden("api")["operations"].items()}
    ours = {
        call: sorted(f"{each['in']} {each['name']}" for each in of["parameters"])
        for call, of in OPERATIONS.items()
        if of["operationId"] not in NOT_OFFERED
    }
    assert ours == {call: theirs[call] for call in ours}


@pytest.mark.parametrize("path", sorted({*references(DOCUMENT)}))
def test_every_reference_leads_somewhere(path):
    place: Any = DOCUMENT
    for word in path.removeprefix("#/").split("/"):
        place = place[word]


def test_two_schemas_of_one_name_are_the_same():
    shapes: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        for shape in (endpoint.answer, *endpoint.alternatives, endpoint.form):
            if shape is not None:
                assert shapes.setdefault(shape.name, shape.schema) == shape.schema, shape.name


def test_every_problem_is_described():
    assert {kind.name for kind in KINDS.values()} == {*DOCUMENT["components"]["responses"]}

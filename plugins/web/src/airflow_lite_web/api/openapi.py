"""Our OpenAPI document, made of the tables that the API is routed and checked by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_lite_web.api.problems import KINDS, MEDIA_TYPE
from airflow_lite_web.api.records import Record, reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_lite_web.api.endpoints import Endpoint, Missing, Parameter
    from airflow_lite_web.api.forms import Form
    from airflow_lite_web.api.records import Listing

_VERSION = "3.0.3"
_CONVERTER = re.compile(r":path}")
_DESCRIPTION = (
    "The paths, fields and filters of Apache Airflow 2.10's stable REST API, as airflow-lite"
    " answers them. What it does not offer answers 501 with the reason."
)
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def document(
    version: str, endpoints: Sequence[Endpoint], missing: Iterable[Missing]
) -> dict[str, Any]:
    """Return the document, as an object for JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        _methods(paths, endpoint.path)[endpoint.method.lower()] = _operation(endpoint)
    for gap in missing:
        _methods(paths, gap.path)[gap.method.lower()] = _gap(gap)
    return {
        "openapi": _VERSION,
        "info": {"title": "airflow-lite REST API", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": "/api/v1"}],
        "security": [{"Basic": []}, {"Bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "Basic": {"type": "http", "scheme": "basic"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": _schemas(endpoints),
            "responses": {kind.name: _problem(kind.title) for kind in KINDS.values()},
        },
    }


def _methods(paths: dict[str, dict[str, Any]], path: str) -> dict[str, Any]:
    return paths.setdefault(_CONVERTER.sub("}", path), {})


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [_in_path(each) for each in endpoint.path_parameters]
    parameters += [_in_query(each) for each in endpoint.parameters]
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": _responses(endpoint),
        "x-role": endpoint.role.title,
    }
    if endpoint.is_open:
        operation["security"] = []
    if endpoint.form is not None:
        schema = reference(endpoint.form.name)
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _in_path(parameter: Parameter) -> dict[str, Any]:
    return {"name": parameter.name, "in": "path", "required": True, "schema": parameter.schema}


def _in_query(parameter: Parameter) -> dict[str, Any]:
    query: dict[str, Any] = {"name": parameter.name, "in": "query", "schema": parameter.schema}
    if parameter.is_list:
        query |= {"style": "form", "explode": True}
    return {**query, "required": True} if parameter.is_required else query


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    shapes = [each for each in (endpoint.answer, *endpoint.alternatives) if each is not None]
    content: dict[str, Any] = {}
    if len(shapes) == 1:
        content["application/json"] = {"schema": reference(shapes[0].name)}
    elif shapes:
        content["application/json"] = {"schema": {"anyOf": [reference(s.name) for s in shapes]}}
    content |= {kind: {"schema": {"type": "string"}} for kind in endpoint.media_types}
    done = {"description": "Done.", **({"content": content} if content else {})}
    statuses = [400, 404, 409, 413, 501, 503] + ([] if endpoint.is_open else [401, 403, 429])
    problems = {str(each): _refers(each) for each in sorted(statuses)}
    status = endpoint.status if content or endpoint.status != 200 else 204
    return {str(status): done, **problems}


def _refers(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{KINDS[status].name}"}


def _problem(title: str) -> dict[str, Any]:
    return {"description": title, "content": {MEDIA_TYPE: {"schema": reference("Error")}}}


def _gap(missing: Missing) -> dict[str, Any]:
    names = re.findall(r"{(\w+)", missing.path)
    schema = {"type": "string"}
    return {
        "operationId": missing.operation,
        "tags": [missing.tag],
        "summary": "Not offered",
        "description": missing.reason,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": schema} for name in names
        ],
        "responses": {str(status): _refers(status) for status in (401, 403, 501)},
    }


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    schemas: dict[str, Any] = {"Error": _PROBLEM}
    for endpoint in endpoints:
        for shape in (endpoint.answer, *endpoint.alternatives, endpoint.form):
            if shape is not None:
                _add(schemas, shape)
    return dict(sorted(schemas.items()))


def _add(schemas: dict[str, Any], shape: Record | Listing | Form) -> None:
    if shape.name not in schemas:
        schemas[shape.name] = shape.schema
        for part in getattr(shape, "parts", ()):
            _add(schemas, part)

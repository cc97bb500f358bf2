"""Whatever stands in a path, a query or a body, it is answered, and never with a 500."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

import pytest

from airflow_lite_web.api.routing import ENDPOINTS
from plugins.web.api.conftest import client

NAMES = {"dag_id": "d", "dag_run_id": "r", "task_id": "a", "pool_name": "default_pool"}
#: As they stand in a query.
TEXTS = (
    "", " ", "0", "-1", "1e999", "nan", "9" * 19, "9" * 30, "%00", "%ff", "\\", "%25", "'", "~",
    "2024-01-01T00:00:00", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", "x" * 2500,
)  # fmt: skip
#: As they stand in a body.
VALUES: tuple[object, ...] = (
    None, True, 0, -1, 2**31, 2**63, 10**400, 1e308, "", "\0", "\ud800", "x" * 2500, [], {}, [None],
    ["\0"], {"\0": "\0"}, "2024-01-01T00:00:00", "9999-12-31T23:59:59-23:59",
)  # fmt: skip
#: Bodies that are no objects of JSON.
BODIES = (b"", b"{", b"null", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a": NaN}')


@pytest.fixture
def asked(site):
    """A client of a site whose DAG d has a run r; it keeps its thread from call to call."""
    with client(site) as asked:
        yield asked


def path_of(endpoint, **odd):
    path = endpoint.path.replace(":path", "")
    for each in endpoint.path_parameters:
        path = path.replace(f"{{{each.name}}}", odd.get(each.name) or NAMES.get(each.name, "0"))
    return f"/api/v1{path}"


def fault(endpoint, what, answer):
    """Return what is wrong with an answer: a 500, or an error that is no problem."""
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    if answer.status_code == 500 or (answer.status_code >= 400 and not is_problem):
        return [(endpoint.operation, what[:80], answer.status_code, answer.text[:80])]
    return []


def filled(form):
    """Return a body that has something of each field that is needed."""
    names = {"task_id": "a", "dag_run_id": "r", "state": "failed", "new_state": "failed"}
    return {
        name: names.get(name, False if field.type.schema.get("type") == "boolean" else "x")
        for name, field in form.fields.items()
        if field.is_required
    }


class Refusals:
    """Which pairs of a type and a value were sent that the type refuses: once is enough of each.

    The same lines refuse it wherever it stands; what is taken may do harm at each call.
    """

    def __init__(self):
        self._known = set()

    def is_known(self, check, value):
        try:
            check(value)
        except ValueError:
            pair = check, repr(value)
            is_known = pair in self._known
            self._known.add(pair)
            return is_known
        except Exception:
            return False  # the server is to show what comes of it
        return False


def test_no_path_brings_it_down(asked):
    found = []
    for endpoint in ENDPOINTS:
        for each in endpoint.path_parameters:
            for text in ("%00", "%ff", "9" * 30, "..", "%2e%2e%2fx", "~", quote("é'\"\\")):
                path = path_of(endpoint, **{each.name: text})
                found += fault(endpoint, path, asked.request(endpoint.method, path, json={}))
    assert found == []


def test_no_query_brings_it_down(asked):
    found, refusals = [], Refusals()
    for endpoint in ENDPOINTS:
        for each in endpoint.parameters:
            for text in TEXTS:
                if refusals.is_known(each.type.read, unquote(text)):
                    continue
                path = f"{path_of(endpoint)}?{each.name}={text}"
                found += fault(endpoint, path, asked.request(endpoint.method, path, json={}))
    assert found == []


def test_no_body_brings_it_down(asked):
    found, refusals = [], Refusals()
    for endpoint in ENDPOINTS:
        if endpoint.form is None:
            continue
        bodies = list(BODIES)
        for name, field in endpoint.form.fields.items():
            bodies += [
                json.dumps({**filled(endpoint.form), name: value}).encode()
                for value in VALUES
                if not refusals.is_known(field.type.load, value)
            ]
        for body in bodies:
            answer = asked.request(
                endpoint.method,
                path_of(endpoint),
                content=body,
                headers={"content-type": "application/json"},
            )
            found += fault(endpoint, repr(body), answer)
    assert found == []

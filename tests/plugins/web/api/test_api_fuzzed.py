"""Whatever our OpenAPI document allows, and what it does not, is answered: never with a 500."""

from __future__ import annotations

import os
import warnings

import pytest

pytest.importorskip("schemathesis")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

from contextlib import suppress

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from airflow_lite_web.api.problems import MEDIA_TYPE
from airflow_lite_web.api.routing import ENDPOINTS
from plugins.web.api.conftest import headers

#: Examples of each operation, with what the document allows and with what it does not. Many more,
#: and others each time, are for a run by hand: API_EXAMPLES=100 pytest ….
BY_HAND = int(os.environ.get("API_EXAMPLES", "0"))
EXAMPLES = {GenerationMode.POSITIVE: BY_HAND or 2, GenerationMode.NEGATIVE: BY_HAND or 1}
#: What has nothing but a path is asked for with odd ones by a test of its own.
VARIED = {each.operation for each in ENDPOINTS if each.parameters or each.form is not None}


def test_no_request_that_the_document_describes_fails_here(site):
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", site.app, headers=headers(site))
    found: list[object] = []
    for each in schema.get_all_operations():
        operation = each.ok()  # type: ignore[union-attr]
        name = operation.definition.raw["operationId"]
        if BY_HAND or (name in VARIED and "mapped" not in name):  # of which each has a twin
            fuzz(operation, headers(site), found)
    assert found == []


def fuzz(operation, credentials, found):
    for mode, count in EXAMPLES.items():

        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=not BY_HAND,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            answer = case.call(headers=credentials)
            is_problem = answer.headers.get("content-type", [""])[0] == MEDIA_TYPE
            if answer.status_code == 500 or (answer.status_code >= 400 and not is_problem):
                found.append((operation.label, answer.status_code, case.as_curl_command()))

        with suppress(Unsatisfiable):  # nothing can be wrong where nothing is given
            ask()

"""What the REST API tells of runs that have ended: to Airflow's own client, and as Airflow tells it.

A scheduler ends the runs once; each test has a copy of its home.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from airflow_lite_web.access.users import Role
from plugins.web.api.finished_runs import Template, answer_of, finished_site
from plugins.web.api.golden_answers import different
from plugins.web.serving import served

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """What the first test of this module leaves for the next."""
    return Template(tmp_path_factory.mktemp("finished") / "home")


def load(path):
    spec = importlib.util.spec_from_file_location(f"program_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_program_with_the_official_client_works(home, template):
    """Unchanged, against a real server: a program for each resource."""
    client_of = pytest.importorskip("airflow_client.client")
    printed, expected = {}, {}
    with finished_site(home, template) as site, served(site) as address:
        configuration = client_of.Configuration(
            host=f"{address}api/v1", username="admin", password=site.tokens[Role.ADMIN]
        )
        with client_of.ApiClient(configuration) as client:
            for path in PROGRAMS:
                program = load(path)
                printed[path.stem], expected[path.stem] = program.main(client), program.EXPECTED
    assert printed == expected


def test_every_call_is_answered_as_airflow_answers_it(home, template, golden):
    recorded = golden("api")
    with finished_site(home, template) as site:
        answers = [*site.made, *(answer_of(site, call) for call in recorded["calls"])]
    calls = [*recorded["runs"], *recorded["calls"]]
    pairs = zip(calls, answers, strict=True)
    found = [line for call, answer in pairs for line in different(home, call, answer)]
    assert found == [], "\n".join(found)

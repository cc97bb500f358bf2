"""A site whose DAG d has a run r, and programs that ask it with a token."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite_web.access.users import Role
from fixtures.store_rows import add_dag, add_run
from plugins.web.conftest import site_of

SECRET = "s3cret-s3cret"
SPEC = DagSpec(
    "d",
    tasks={
        "a": TaskSpec("a", downstream=("b",), executor_config={"token": SECRET, "n": 1}),
        "b": TaskSpec("b", upstream=("a",)),
    },
)
#: The path of the run.
ONE = "/api/v1/dags/d/dagRuns/r"


@pytest.fixture
def site(home):
    """A site whose DAG d has a run r."""
    with site_of(home) as site:
        with site.store.begin() as connection:
            add_run(connection, SPEC, add_dag(connection, SPEC), state="running")
        yield site


def headers(site, role=Role.ADMIN):
    return {"authorization": f"Bearer {site.tokens[role]}"}


def client(site, role=Role.ADMIN):
    return TestClient(site.app, raise_server_exceptions=False, headers=headers(site, role))

"""The same pages and actions on PostgreSQL, whose statements are its own."""

from __future__ import annotations

import pytest

from airflow_lite_web.access.users import Role
from plugins.web.conftest import Web, chain, form_token
from plugins.web.test_web_pages import PAGES, data_path, fill


@pytest.fixture(scope="module")
def postgres(tmp_path_factory, postgres_database):
    web = fill(Web(tmp_path_factory.mktemp("web") / "home", postgres_database))
    yield web
    web.store.close()


@pytest.fixture
def web_of_groups(postgres):
    (run,) = postgres.fill(chain("d", "g.a", "g.b"))
    postgres.set_state(run, "g.a", "success")
    return postgres


def test_every_page_is_there(postgres):
    client = postgres.client(Role.VIEWER)

    for path in PAGES:
        assert client.get(path).status_code == 200, path
        assert client.get(data_path(path)).status_code == 200, path


def test_a_folded_group_counts_what_is_in_it(web_of_groups):
    (row,) = web_of_groups.client(Role.VIEWER).get("/dags/d/grid.json?open=").json()["rows"]

    assert row["cells"][0]["states"] == {"success": 1, "none": 1}


def test_what_failed_is_cleared_and_noted(postgres):
    client = postgres.client(Role.OPERATOR)
    data = {"form_token": form_token(client), "act": "clear-failed"}

    assert client.post("/dags/shop/runs/r0/look", data=data).status_code == 200
    assert client.post("/dags/shop/runs/r0/act", data=data).status_code == 303

    events = client.get("/dags/shop/runs/r0/tasks/load/history.json").json()["events"]
    assert (events[0]["actor"], events[0]["cause"]) == ("user operator", "cleared")
    assert client.post("/dags/shop/pause", data=data).status_code == 303
    assert client.get("/home.json?kind=paused").json()["counts"]["paused"] == 1

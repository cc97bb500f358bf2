"""What pages do: looked at first, done through the store's own functions, noted with the name."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from airflow_lite.store import schema
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.acting import own_path
from plugins.web.conftest import chain, form_token


@pytest.fixture
def failed(web):
    """A site with a run of a → b → c, of which b failed and c with it."""
    (run,) = web.fill(chain("d", "a", "b", "c"))
    for task_id, state in (("a", "success"), ("b", "failed"), ("c", "upstream_failed")):
        web.set_state(run, task_id, state, try_number=1)
    return web


def rows(web, table="task_instance"):
    with web.store.read() as connection:
        query = sa.select(schema.metadata.tables[table]).order_by(sa.text("id"))
        return connection.execute(query).mappings().all()


def ids(web, *task_ids):
    return [row["id"] for row in rows(web) if row["task_id"] in task_ids]


def states(web):
    return {row["task_id"]: row["state"] for row in rows(web)}


def post(client, path, **data):
    return client.post(path, data={"form_token": form_token(client), **data})


def act(web, verb, path="/dags/d/act", role=Role.OPERATOR, **data):
    return post(web.client(role), path, act=verb, **data)


def test_a_clear_runs_what_was_picked_again_and_says_who_did_it(failed):
    answer = act(failed, "clear", c=ids(failed, "b"), next="/dags/d/grid?open=x&select=1")

    assert answer.status_code == 303
    assert answer.headers["location"] == (
        "/dags/d/grid?open=x&notice=Cleared+1+task+instance+in+1+run."
    )
    assert states(failed) == {"a": "success", "b": None, "c": "upstream_failed"}
    event = rows(failed, "task_event")[-1]
    assert (event["actor"], event["cause"]) == ("user operator", "cleared")


def test_a_clear_with_downstream_takes_what_comes_after(failed):
    act(failed, "clear-downstream", c=ids(failed, "b"))

    assert states(failed) == {"a": "success", "b": None, "c": None}


def test_a_mark_gives_the_state_and_what_had_failed_below_runs_again(failed):
    answer = act(failed, "success", i=ids(failed, "b"))

    assert states(failed) == {"a": "success", "b": "success", "c": None}
    assert answer.headers["location"].endswith(
        "notice=Marked+1+task+instance+success%3B+1+below+that+had+failed+run+again."
    )


def test_a_look_touches_nothing_and_tells_the_command_that_does_the_same(failed):
    page = act(failed, "clear-downstream", "/dags/d/look", c=ids(failed, "b")).text

    assert "2 task instances" in page
    assert (
        "airflow-lite tasks clear d -t &#39;^(b)$&#39; -s 2026-01-01T12:00:00+00:00"
        " -e 2026-01-01T12:00:00+00:00 -d"
    ) in page
    assert states(failed)["b"] == "failed"


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        ("success", "airflow-lite tasks set-state d b r0 success"),
        ("failed", "airflow-lite tasks set-state d b r0 failed"),
    ],
)
def test_a_look_at_a_mark_tells_its_command(failed, verb, command):
    assert command in act(failed, verb, "/dags/d/look", i=ids(failed, "b")).text


def test_one_index_of_a_mapped_task_is_cleared_alone_and_its_cell_as_a_whole(web):
    (run,) = web.fill(chain("d", "t"))
    table = schema.task_instance
    with web.store.begin() as connection:
        connection.execute(table.update().values(map_index=0, state="failed"))
        row = {"dag_run_id": run, "task_id": "t", "map_index": 1, "state": "failed"}
        connection.execute(table.insert().values(row))
    first, second = ids(web, "t")

    look = act(web, "clear", "/dags/d/look", i=[second]).text
    assert "--map-index 1" in look
    act(web, "clear", i=[second])
    assert [row["state"] for row in rows(web)] == ["failed", None]

    act(web, "failed", c=[first])
    assert [row["state"] for row in rows(web)] == ["failed", "failed"]


def test_a_run_is_stopped_and_the_history_says_by_whom(web):
    (run,) = web.fill(chain("d", "a", "b"))
    web.set_state(run, "a", "running")

    answer = act(web, "stop", "/dags/d/runs/r0/act")

    assert answer.headers["location"] == (
        "/dags/d/runs/r0/gantt?notice=Stopped%3A+2+task+instances+ended."
    )
    assert states(web) == {"a": "failed", "b": "skipped"}
    assert {row["actor"] for row in rows(web, "task_event")[-3:]} == {"user operator"}


def test_a_look_at_a_run_names_what_a_stop_would_end(web):
    (run,) = web.fill(chain("d", "a", "b"))
    web.set_state(run, "a", "success")

    page = act(web, "stop", "/dags/d/runs/r0/look").text

    assert "1 task instance<" in page
    assert "airflow-lite dags runs stop d r0" in page


def test_what_failed_of_a_run_is_cleared(failed):
    act(failed, "clear-failed", "/dags/d/runs/r0/act")

    assert states(failed) == {"a": "success", "b": None, "c": None}


def test_a_dag_is_paused_and_goes_on_and_both_are_noted(web):
    web.fill(chain("d", "a"))
    client = web.client(Role.OPERATOR)

    answer = post(client, "/dags/d/pause", next="/?q=d")
    assert answer.headers["location"] == "/?q=d&notice=Paused+d."
    assert client.get("/home.json").json()["dags"][0]["is_paused"]
    post(client, "/dags/d/unpause")

    noted = [(row["actor"], row["cause"]) for row in rows(web, "task_event")]
    assert noted == [
        ("user operator", "paused DAG d"),
        ("user operator", "unpaused DAG d"),
    ]


def test_instances_of_another_dag_are_not_touched(failed):
    failed.fill(chain("other", "x"))

    answer = act(failed, "failed", c=ids(failed, "x"))

    assert states(failed)["x"] is None
    assert "Marked+0+task+instances" in answer.headers["location"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"act": "clear"}, "Nothing was picked. Pick at least one cell."),
        ({"act": "clear", "i": "x"}, "Nothing was picked. Pick at least one cell."),
        ({"act": "drop", "i": "1"}, "This form names no action."),
        ({"act": "stop", "i": "1"}, "This form names no action."),
        ({"i": "1"}, "This form names no action."),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_in_a_line(failed, data, message):
    answer = post(failed.client(Role.OPERATOR), "/dags/d/act", **data)

    assert answer.status_code == 400
    assert message in answer.text


def posts(app):
    """Return the paths that change something, of the pages."""
    return sorted(
        {
            route.path
            for route in app.routes
            if "POST" in (getattr(route, "methods", None) or ())
            and route.path not in {"/login", "/logout"}
        }
    )


def test_a_viewer_may_do_none_of_it(failed):
    client = failed.client(Role.VIEWER)
    before = rows(failed)
    token = form_token(client)
    paths = posts(failed.app)
    assert len(paths) >= 6
    for path in paths:
        named = path
        for name, value in {"dag_id": "d", "run_id": "r0", "name": "x"}.items():
            named = named.replace(f"{{{name}}}", value)
        answer = client.post(named, data={"form_token": token, "act": "clear", "i": "1"})
        assert answer.status_code == 403, path
        assert "and you are viewer" in answer.text
    assert rows(failed) == before


def test_no_action_is_done_by_a_link(failed):
    client = failed.client(Role.ADMIN)
    for path in posts(failed.app):
        if "{name}" not in path and not path.endswith("/trigger"):
            named = path.replace("{dag_id}", "d").replace("{run_id}", "r0")
            assert client.get(named).status_code in {200, 404, 405}
    assert states(failed)["b"] == "failed"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/a?b=1&notice=old&select=1", "/a?b=1&notice=n"),
        ("https://evil.example/a", "/d?notice=n"),
        ("//evil.example/a", "/d?notice=n"),
        ("/\\evil", "/d?notice=n"),
        ("javascript:alert(1)", "/d?notice=n"),
        ("/a\r\nset-cookie: x", "/d?notice=n"),
        ("", "/d?notice=n"),
    ],
)
def test_an_action_leads_back_to_a_page_of_this_site(text, path):
    assert own_path(text, "/d", "n") == path

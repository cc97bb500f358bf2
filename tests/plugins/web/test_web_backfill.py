"""A backfill is counted before it is made, and leaves what there is as it was asked to."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from airflow_lite.store import schema
from airflow_lite_web.access.users import Role
from plugins.web.conftest import HOUR_US, NOON_US, chain, form_token

DATES = "first=2026-01-01T13:00&last=2026-01-01T16:00"
FORM = {"first": "2026-01-01T13:00", "last": "2026-01-01T16:00"}


@pytest.fixture
def runs(web):
    """Two runs that are over, at 13 and at 14 o'clock; a task of the first has failed."""
    ids = web.fill(chain("d", "a", "b"), 3)[1:]
    web.set_state(ids[0], "a", "success", try_number=1)
    web.set_state(ids[0], "b", "failed", try_number=1)
    for task_id in ("a", "b"):
        web.set_state(ids[1], task_id, "success", try_number=1)
    with web.store.begin() as connection:
        connection.execute(schema.dag_run.update().values(state="success"))
        connection.execute(
            schema.dag_run.update().values(state="failed").where(schema.dag_run.c.id == ids[0])
        )
    return ids


def all_runs(web):
    with web.store.read() as connection:
        return connection.execute(sa.select(schema.dag_run).order_by("logical_us")).mappings().all()


def states(web, run):
    table = schema.task_instance
    with web.store.read() as connection:
        rows = connection.execute(sa.select(table).where(table.c.dag_run_id == run).order_by("id"))
        return [row.state for row in rows]


def test_the_runs_of_a_range_are_counted_and_nothing_is_made(web, runs):
    client = web.client(Role.OPERATOR)

    data = client.get(f"/dags/d/backfill.json?{DATES}").json()

    assert (data["made"], data["again"], data["left"]) == (2, 0, 2)
    assert [(row["run_id"], row["becomes"]) for row in data["runs"]] == [
        ("r1", "stays as it is"),
        ("r2", "stays as it is"),
        ("backfill__2026-01-01T15:00:00+00:00", "is made"),
        ("backfill__2026-01-01T16:00:00+00:00", "is made"),
    ]
    page = client.get(f"/dags/d/backfill?{DATES}").text
    assert "Backfill 2 runs</button>" in page
    assert (
        "airflow-lite dags backfill d -s 2026-01-01T13:00:00+00:00 -e 2026-01-01T16:00:00+00:00"
        in page
    )
    assert len(all_runs(web)) == 3


def test_runs_that_are_missing_are_made_for_a_scheduler_and_noted_with_the_users_name(web, runs):
    client = web.client(Role.OPERATOR)
    form = {"form_token": form_token(client), **FORM, "conf": '{"more": 1}'}

    answer = client.post("/dags/d/backfill", data=form)

    assert answer.headers["location"] == "/dags/d/runs?notice=Backfill%3A%202%20runs%20made."
    made = all_runs(web)[3:]
    assert [(run["run_type"], run["state"], run["job_id"], run["conf"]) for run in made] == [
        ("backfill", "queued", None, '{"more": 1}')
    ] * 2
    assert [run["logical_us"] for run in made] == [NOON_US + 3 * HOUR_US, NOON_US + 4 * HOUR_US]
    assert [run["interval_end_us"] - run["interval_start_us"] for run in made] == [HOUR_US] * 2
    with web.store.read() as connection:
        rows = connection.execute(sa.select(schema.task_event)).mappings().all()
    noted = [row["dag_run_id"] for row in rows if row["actor"] == "user operator"]
    assert noted == [run["id"] for run in made]
    assert states(web, runs[0]) == ["success", "failed"]


@pytest.mark.parametrize(
    ("again", "first", "second"),
    [
        ("failed", ["success", None], ["success", "success"]),
        ("all", [None, None], [None, None]),
    ],
)
def test_runs_that_are_there_are_cleared_as_far_as_was_asked(web, runs, again, first, second):
    client = web.client(Role.OPERATOR)
    form = {"form_token": form_token(client), **FORM, "again": again}

    client.post("/dags/d/backfill", data=form)

    assert (states(web, runs[0]), states(web, runs[1])) == (first, second)
    assert len(all_runs(web)) == 5


def test_a_form_that_is_sent_twice_makes_its_runs_once(web, runs):
    client = web.client(Role.OPERATOR)
    form = {"form_token": form_token(client), **FORM}
    client.post("/dags/d/backfill", data=form)

    answer = client.post("/dags/d/backfill", data=form)

    assert answer.headers["location"].endswith("Backfill%3A%200%20runs%20made.")
    assert len(all_runs(web)) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": "tomorrow"}, "is no date. Write it as 2024-01-31T00:00, in UTC."),
        ({"last": "2026-01-01T12:00"}, "The last date is before the first. Exchange them."),
        ({"first": "1990-01-01"}, "There are more than 1000 runs"),
        ({"first": "2026-01-01T13:10", "last": "2026-01-01T13:20"}, "There is no run from"),
        ({"conf": "[]"}, "The conf is not a JSON object."),
        ({"first": "", "last": ""}, "There is no date."),
    ],
)
def test_what_is_wrong_is_said_above_a_form_that_forgets_nothing(web, runs, change, message):
    client = web.client(Role.OPERATOR)
    form = {"form_token": form_token(client), **FORM, **change}

    answer = client.post("/dags/d/backfill", data=form)

    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert is not None
    assert message in alert[1]
    for name in ("first", "last"):
        assert f'name="{name}" value="{form[name]}"' in answer.text
    assert len(all_runs(web)) == 3


def test_a_viewer_makes_no_backfill(web, runs):
    client = web.client(Role.VIEWER)
    form = {"form_token": form_token(client), **FORM}

    assert client.post("/dags/d/backfill", data=form).status_code == 403
    assert client.get("/dags/d/backfill").status_code == 403
    assert len(all_runs(web)) == 3

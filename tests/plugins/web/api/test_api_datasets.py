"""Datasets by the REST API: what no golden holds of them."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite_web.access.users import Role
from fixtures.store_rows import add_dag, add_run
from plugins.web.conftest import site_of

DATASETS = "/api/v1/datasets"


@pytest.fixture
def site(home):
    """A site with the datasets x and y; DAG m makes x, and four wait: one is paused, one gone."""
    with site_of(home) as site:
        with site.store.begin() as connection:
            for number, uri in enumerate(("s3://x", "s3://y"), 1):
                row = {"id": number, "uri": uri, "created_us": 1, "updated_us": 2}
                connection.execute(schema.dataset.insert().values(row))
            columns = {"paused": {"is_paused": True}, "gone": {"is_active": False}}
            for dag_id in ("m", "waits", "alias", "paused", "gone"):
                spec = DagSpec(dag_id, tasks={"t": TaskSpec("t")})
                version = add_dag(connection, spec, **columns.get(dag_id, {}))
                use = {"dag_id": dag_id, "task_id": "t" if dag_id == "m" else None}
                of = {"alias": "some"} if dag_id == "alias" else {"dataset_id": 1}
                connection.execute(schema.dataset_use.insert().values({**use, **of}))
                if dag_id == "waits":
                    add_run(connection, spec, version)
            link = {"alias": "some", "dataset_id": 1}
            connection.execute(schema.dataset_alias.insert().values(link))
        yield site


@pytest.fixture
def asked(site):
    client = TestClient(site.app, raise_server_exceptions=False)
    client.headers["authorization"] = f"Bearer {site.tokens[Role.OPERATOR]}"
    return client


def change(asked, uri="s3://x", **extra):
    answer = asked.post(f"{DATASETS}/events", json={"dataset_uri": uri, "extra": extra})
    assert answer.status_code == 200, answer.text
    return answer.json()


def queue(asked, **params):
    answer = asked.get(f"{DATASETS}/queuedEvent/s3://x", params=params)
    return [each["dag_id"] for each in answer.json().get("queued_events", [])]


def test_a_dataset_names_who_makes_it_and_who_waits_of_what_is_there(asked):
    found = asked.get(f"{DATASETS}/s3%3A%2F%2Fx").json()

    makers = [(each["dag_id"], each["task_id"]) for each in found["producing_tasks"]]
    assert makers == [("m", "t")]
    assert [each["dag_id"] for each in found["consuming_dags"]] == ["paused", "waits"]
    assert found["aliases"] == [{"name": "some"}]
    assert asked.get(DATASETS, params={"dag_ids": "m,alias"}).json()["total_entries"] == 1


def test_a_change_by_a_program_is_queued_for_whom_it_would_be_if_a_task_made_it(asked):
    made = change(asked, n=1)

    assert made["extra"] == {"n": 1, "from_rest_api": True}
    assert (made["dataset_uri"], made["source_dag_id"]) == ("s3://x", None)
    assert queue(asked) == ["alias", "waits"]


def test_several_changes_of_a_dataset_are_one_line_of_the_queue(asked):
    first, _ = change(asked), change(asked)
    answer = asked.get("/api/v1/dags/waits/datasets/queuedEvent/s3://x").json()

    assert answer == {"uri": "s3://x", "dag_id": "waits", "created_at": first["timestamp"]}
    assert queue(asked, before=first["timestamp"]) == []


def test_what_is_taken_out_of_the_queue_of_one_dag_stays_in_those_of_others(asked, site):
    change(asked)
    change(asked, "s3://y")
    gone = asked.delete("/api/v1/dags/waits/datasets/queuedEvent/s3://x")
    again = asked.delete("/api/v1/dags/waits/datasets/queuedEvent")

    assert (gone.status_code, again.status_code) == (204, 404)
    assert queue(asked) == ["alias"]
    actors = sa.select(schema.task_event.c.cause).where(schema.task_event.c.actor.like("user %"))
    with site.store.read() as connection:
        assert connection.execute(actors).scalars().all()[-1] == (
            "took changes of datasets out of the queue: waits s3://x"
        )


def test_a_change_names_the_runs_that_it_made_and_a_run_its_changes(asked, site):
    made = change(asked, password="s3cret-s3cret")
    with site.store.begin() as connection:
        row = {"dag_run_id": 1, "event_id": made["id"]}
        connection.execute(schema.dataset_consumption.insert().values(row))
    event = asked.get(f"{DATASETS}/events").json()["dataset_events"][0]
    upstream = asked.get("/api/v1/dags/waits/dagRuns/r/upstreamDatasetEvents").json()

    assert [run["dag_run_id"] for run in event["created_dagruns"]] == ["r"]
    assert upstream == {"dataset_events": [event], "total_entries": 1}
    assert "s3cret" not in json.dumps([made, event, upstream])

"""A run is asked for by a form that is made of the params' schemas and forgets nothing."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from airflow_lite.errors import ParamValidationError
from airflow_lite.spec.params import resolve_params
from airflow_lite.store import schema
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.param_form import fields, values
from plugins.web.conftest import chain, form_token

PARAMS = {
    "region": {"value": "north", "schema": {"enum": ["north", "south"]}},
    "days": {"value": 7, "schema": {"type": "integer", "minimum": 1, "maximum": 60}},
    "dry": {"value": False, "schema": {"type": "boolean"}},
    "note": {"value": None, "schema": {"type": ["null", "string"]}},
    "list": {"value": [1], "schema": {"type": "array"}},
    "plain": {"value": 1.5, "schema": {}},
}


@pytest.fixture
def client(web):
    web.fill(chain("d", "t", params=PARAMS))
    return web.client(Role.OPERATOR)


def runs(web):
    with web.store.read() as connection:
        return connection.execute(sa.select(schema.dag_run).order_by("id")).mappings().all()


FORM = {"p:region": "south", "p:days": "9", "p:list": "[2]", "p:plain": "2.5", "p:note": ""}


def test_a_run_is_made_with_the_values_of_the_form_and_noted_with_the_users_name(web, client):
    data = {"form_token": form_token(client), **FORM, "note": "by hand", "run_id": "mine"}

    answer = client.post("/dags/d/trigger", data={**data, "conf": '{"more": 1}'})

    assert answer.headers["location"] == "/dags/d/runs/mine/gantt?notice=Triggered."
    run = runs(web)[-1]
    assert (run["run_id"], run["note"], run["run_type"]) == ("mine", "by hand", "manual")
    assert json.loads(run["conf"]) == {
        "region": "south",
        "days": 9,
        "dry": False,
        "note": None,
        "list": [2],
        "plain": 2.5,
        "more": 1,
    }
    with web.store.read() as connection:
        row = connection.execute(sa.select(schema.task_event)).mappings().all()[-1]
    assert (row["actor"], row["cause"], row["dag_run_id"]) == (
        "user operator",
        "triggered the run",
        run["id"],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p:days": "99"}, "Invalid input for param &#39;days&#39;"),
        ({"p:days": "many"}, "Invalid input for param &#39;days&#39;"),
        ({"p:region": "west"}, "Invalid input for param &#39;region&#39;"),
        ({"p:list": "["}, "Param &#39;list&#39; is not JSON"),
        ({"conf": "[]"}, "The conf is not a JSON object."),
        ({"conf": "{"}, "The conf is not JSON"),
        ({"logical_date": "tomorrow"}, "is no date. Write it as 2024-01-31T00:00, in UTC."),
        ({"run_id": "../x"}, "run id"),
        ({"run_id": "r0"}, "already"),
    ],
)
def test_what_cannot_be_is_said_above_the_form_which_keeps_what_was_typed(
    web, client, change, message
):
    data = {"form_token": form_token(client), **FORM, "note": "kept", **change}

    answer = client.post("/dags/d/trigger", data=data)

    assert answer.status_code == 400
    assert message in answer.text
    assert 'value="kept"' in answer.text
    assert len(runs(web)) == 1


def test_the_form_is_filled_in_from_the_address(client):
    conf = json.dumps({"days": 3, "other": [1]})

    data = client.get("/dags/d/trigger.json", params={"region": "south", "conf": conf}).json()

    texts = {field["label"]: field["text"] for field in data["fields"]}
    assert (texts["region"], texts["days"], texts["plain"]) == ("south", "3", "1.5")
    assert json.loads(data["texts"]["conf"]) == {"other": [1]}


def test_a_run_is_triggered_again_with_its_conf_in_the_form(web, client):
    with web.store.begin() as connection:
        connection.execute(schema.dag_run.update().values(conf='{"days": 5}'))

    page = client.get("/dags/d/runs/r0/gantt").text

    assert "/dags/d/trigger?conf=%7B%22days%22%3A+5%7D" in page


def test_a_viewer_sees_no_form(web, client):
    assert web.client(Role.VIEWER).get("/dags/d/trigger").status_code == 403


@pytest.mark.parametrize(
    ("param", "kind"),
    [
        ({"value": True}, "boolean"),
        ({"value": 1}, "integer"),
        ({"value": 1.0}, "number"),
        ({"value": {}}, "json"),
        ({"value": "x"}, "text"),
        ({"value": "", "schema": {"type": "string", "format": "multiline"}}, "lines"),
        ({"value": "", "schema": {"type": "string", "format": "date"}}, "date"),
        ({"value": 1, "schema": {"type": ["integer", "string"]}}, "integer"),
        ({"value": "b", "schema": {"type": "string", "enum": ["a", "b"]}}, "choice"),
    ],
)
def test_a_param_is_shown_by_its_type_or_that_of_its_default(param, kind):
    assert fields({"p": param}, {})[0]["kind"] == kind


@pytest.mark.parametrize(
    "value", [True, False, 1, 1.5, "x", "", None, [1, "a"], {"a": {"b": 1}}, "1", "true"]
)
def test_a_default_that_nobody_changes_stays_what_it_is(value):
    schema_of = {str: "string", type(None): "null"}.get(type(value))
    param = {"value": value, "schema": {"type": schema_of} if schema_of else {}}
    (field,) = fields({"p": param}, {})
    sent = {field["name"]: field["text"]} if field["kind"] != "boolean" or field["is_on"] else {}

    found = values({"p": param}, sent)

    assert found == {"p": value}
    assert type(found["p"]) is type(value)
    assert resolve_params({"p": param}, found) == {"p": value}


def test_a_field_that_is_no_json_is_named():
    with pytest.raises(ParamValidationError, match="Param 'p' is not JSON"):
        values({"p": {"value": []}}, {"p:p": "{"})

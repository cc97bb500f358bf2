"""Rules of the REST API that no golden holds: roles, secrets, pages, statements, the history."""

from __future__ import annotations

import ast
import base64
import json

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from airflow_lite.spec.model import DagSpec
from airflow_lite.store import schema
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.resources import logs
from airflow_lite_web.api.routing import ENDPOINTS
from fixtures.store_rows import add_dag, add_run
from plugins.web.api.conftest import ONE, SECRET, SPEC, client
from plugins.web.conftest import Web, site_of


def filled(path):
    names = {"dag_id": "d", "dag_run_id": "r", "task_id": "a", "pool_name": "default_pool"}
    path = path.replace(":path", "")
    for name in ("map_index", "task_try_number", "event_log_id", "import_error_id"):
        names[name] = "0"
    for name in (word.split("}")[0] for word in path.split("{")[1:]):
        path = path.replace(f"{{{name}}}", names.get(name, "x"))
    return f"/api/v1{path}"


@pytest.mark.parametrize("role", list(Role))
def test_every_call_needs_its_role(site, role):
    asked = client(site, role)
    refused = {
        each.operation
        for each in ENDPOINTS
        if asked.request(each.method, filled(each.path), json={}).status_code == 403
    }

    assert refused == {each.operation for each in ENDPOINTS if each.role > role}


def test_a_viewer_may_change_nothing():
    writes = {each.operation for each in ENDPOINTS if each.method != "GET"}
    lists = {"get_dag_runs_batch", "get_task_instances_batch"}
    assert writes - lists == {
        each.operation for each in ENDPOINTS if each.method != "GET" and each.role > Role.VIEWER
    }


def test_nobody_is_answered_but_of_health_and_version(site):
    nobody = TestClient(site.app, raise_server_exceptions=False)
    answered = {
        each.operation
        for each in ENDPOINTS
        if nobody.request(each.method, filled(each.path)).status_code != 401
    }

    assert answered == {"get_health", "get_version"}
    assert nobody.get("/api/v1/openapi.json").status_code == 401


def test_no_answer_tells_a_secret(site):
    asked = client(site)
    token = {"password": SECRET, "deep": [{"api_key": SECRET}]}
    asked.post("/api/v1/variables", json={"key": "my_password", "value": SECRET})
    asked.post(
        "/api/v1/connections",
        json={
            "connection_id": "x",
            "conn_type": "http",
            "password": SECRET,
            "extra": json.dumps(token),
        },
    )
    with site.store.begin() as connection:
        instance = connection.execute(sa.select(schema.task_instance.c.id)).scalar()
        run = {"conf": json.dumps(token)}
        connection.execute(schema.dag_run.update().values(run))
        row = {"dag_run_id": 1, "map_index": -1, "key": "return_value", "at_us": 1}
        xcom = {**row, "task_id": "a", "value": json.dumps(token)}
        connection.execute(schema.xcom.insert().values(xcom))
        rendered = {"task_instance_id": instance, "fields": json.dumps(token)}
        connection.execute(schema.rendered_fields.insert().values(rendered))
        connection.execute(schema.task_instance.update().values(version_id=1))

    texts = [asked.get(filled(each.path)).text for each in ENDPOINTS if each.method == "GET"]
    texts.append(asked.get("/api/v1/variables/my_password").text)
    texts.append(asked.get(f"{ONE}/taskInstances/a/xcomEntries/return_value").text)
    texts.append(asked.get(f"{ONE}/taskInstances/a").text)

    assert [line for line in texts if SECRET in line] == []
    assert sum("***" in line for line in texts) > 5


def test_a_mask_is_not_taken_for_a_secret(site):
    asked = client(site)
    made = {"connection_id": "x", "conn_type": "http", "extra": json.dumps({"token": SECRET})}
    asked.post("/api/v1/connections", json=made)
    asked.post("/api/v1/variables", json={"key": "my_password", "value": SECRET})
    shown = asked.get("/api/v1/connections/x").json()
    variable = asked.get("/api/v1/variables/my_password").json()

    refused = [
        asked.patch("/api/v1/connections/x", json=shown),
        asked.patch("/api/v1/variables/my_password", json=variable),
    ]

    assert [answer.status_code for answer in refused] == [400, 400]
    assert [answer.json()["detail"] for answer in refused] == [
        "extra has ***, which stands for a secret. Write the secret, or leave extra out of"
        " update_mask.",
        "value is ***, which stands for a secret. Write the secret, or leave value out of"
        " update_mask.",
    ]
    masked = asked.patch("/api/v1/connections/x?update_mask=conn_type", json=shown)
    assert masked.status_code == 200


def test_a_page_has_no_more_rows_than_the_setting_allows(home):
    home.environ["AIRFLOW_LITE__API__MAXIMUM_PAGE_LIMIT"] = "3"
    home.environ["AIRFLOW_LITE__API__FALLBACK_PAGE_LIMIT"] = "2"
    with site_of(home) as site:
        with site.store.begin() as connection:
            version = add_dag(connection, SPEC)
            for number in range(5):
                add_run(connection, SPEC, version, f"r{number}", number)
        asked = client(site)
        sizes = [
            len(asked.get(f"/api/v1/dags/d/dagRuns?limit={limit}").json()["dag_runs"])
            for limit in (0, 1, 3, 100)
        ]
        form = {"page_limit": 100}
        batch = asked.post("/api/v1/dags/~/dagRuns/list", json=form).json()

    assert sizes == [2, 1, 3, 3]
    assert (len(batch["dag_runs"]), batch["total_entries"]) == (3, 5)


def statements(site, call):
    """Return how many statements a call takes, and its answer."""
    count = 0

    def note(*_):
        nonlocal count
        count += 1

    sa.event.listen(site.store.engine, "before_cursor_execute", note)
    try:
        answer = call()
    finally:
        sa.event.remove(site.store.engine, "before_cursor_execute", note)
    assert answer.status_code == 200, answer.text
    return count


LISTINGS = [
    "/dags",
    "/dags/~/dagRuns",
    "/dags/~/dagRuns/~/taskInstances",
    "/dags/~/dagRuns/~/taskInstances/~/xcomEntries",
    "/pools",
    "/variables",
    "/connections",
    "/eventLogs",
    "/importErrors",
    "/dagStats?dag_ids=d,d0,d1",
    "/dags/d/tasks",
]


def test_a_page_takes_as_many_statements_for_many_rows_as_for_one(tmp_path):
    web = Web(tmp_path / "home")
    asked = client(web)

    def counts():
        return [statements(web, lambda path=path: asked.get(f"/api/v1{path}")) for path in LISTINGS]

    with web.store.begin() as connection:
        add_run(connection, SPEC, add_dag(connection, SPEC), "r", state="running")
        connection.execute(schema.task_instance.update().values(state="success", version_id=1))
    few = counts()
    with web.store.begin() as connection:
        for number in range(12):
            spec = DagSpec(f"d{number}", tasks=SPEC.tasks)
            version = add_dag(connection, spec)
            add_run(connection, spec, version, "r", state="running")
        connection.execute(schema.task_instance.update().values(state="queued", version_id=1))
    many = counts()
    web.store.close()

    assert many == few
    assert max(few) <= 5


def test_who_did_what_is_in_the_history(site):
    asked = client(site, Role.OPERATOR)
    asked.patch("/api/v1/dags/d", json={"is_paused": True})
    asked.patch("/api/v1/dags/d", json={"is_paused": True})
    asked.post("/api/v1/pools", json={"name": "small", "slots": 1})
    asked.patch(f"{ONE}/taskInstances/a", json={"dry_run": False, "new_state": "success"})
    asked.post(f"{ONE}/clear", json={"dry_run": False})
    asked.patch(ONE, json={"state": "failed"})
    events = asked.get("/api/v1/eventLogs?owner=user operator").json()["event_logs"]

    assert [(each["event"], each["task_id"], each["extra"]) for each in events] == [
        ("action", None, "paused DAG d"),
        ("action", None, "made pool small"),
        ("success", "a", "marked success"),
        ("cleared", "a", "cleared"),
        ("skipped", "a", "the run was marked failed"),
        ("skipped", "b", "the run was marked failed"),
        ("action", None, "set the run to failed"),
    ]


def test_what_a_task_waits_for_is_told_until_it_has_begun(site):
    asked = client(site)
    waiting = asked.get(f"{ONE}/taskInstances/b/dependencies").json()["dependencies"]
    with site.store.begin() as connection:
        connection.execute(schema.task_instance.update().values(state="running"))
    running = asked.get(f"{ONE}/taskInstances/b/dependencies").json()["dependencies"]

    assert "Trigger Rule" in [each["name"] for each in waiting]
    assert running == []


def test_what_is_no_path_or_no_method_of_one_is_told_as_a_problem(site):
    asked = client(site)
    answers = [asked.get("/api/v1/nope"), asked.put("/api/v1/dags", json={})]

    assert [answer.json()["status"] for answer in answers] == [404, 405]
    assert answers[1].headers["allow"]
    kinds = {answer.headers["content-type"] for answer in answers}
    assert kinds == {"application/problem+json"}


def test_a_tag_is_found_by_all_of_its_letters_alone(site):
    tags = ["Red", 'x, "red"', "a%", "red_"]
    with site.store.begin() as connection:
        for number, tag in enumerate(tags):
            spec = DagSpec(f"t{number}", tags=("first", tag), tasks=SPEC.tasks)
            add_dag(connection, spec, tags=json.dumps(spec.tags))
    asked = client(site)

    def found(tag):
        answer = asked.get("/api/v1/dags", params={"tags": tag, "fields": "dag_id"})
        return [each["dag_id"] for each in answer.json()["dags"]]

    assert [found("Red"), found("red"), found("a%"), found("a"), found("red_")] == [
        ["t0"],
        [],
        ["t2"],
        [],
        ["t3"],
    ]


def test_a_log_comes_as_text_or_goes_on_where_it_ended(site):
    with site.store.begin() as connection:
        connection.execute(schema.task_instance.update().values(state="success", try_number=1))
    asked = client(site)
    path = f"{ONE}/taskInstances/a/logs/1"
    text = asked.get(path, headers={"accept": "text/plain"})
    first = asked.get(path).json()
    rest = asked.get(path, params={"token": first["continuation_token"]}).json()

    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.strip() in first["content"]
    assert rest["content"].endswith("'')]")
    assert asked.get(path, headers={"accept": "image/png"}).status_code == 406
    assert asked.get(path, params={"token": "x"}).status_code == 400
    assert asked.get(f"{ONE}/taskInstances/a/logs/2").status_code == 404


def test_a_long_log_comes_in_pieces_that_leave_nothing_out(site, monkeypatch):
    lines = [f"line {number} é" for number in range(40)]
    monkeypatch.setattr(logs, "task_log", lambda *_: iter(["\n".join(lines[:30]), *lines[30:]]))
    monkeypatch.setattr(logs, "_PIECE", 100)
    with site.store.begin() as connection:
        connection.execute(schema.task_instance.update().values(state="success", try_number=1))
    asked, path = client(site), f"{ONE}/taskInstances/a/logs/1"
    pieces: list[str] = []
    token: dict[str, str] = {}
    ended = False
    while not ended:
        answer = asked.get(path, params=token).json()
        pieces += [piece for _, piece in ast.literal_eval(answer["content"])]
        token = {"token": answer["continuation_token"]}
        _, ended, _ = json.loads(base64.b64decode(token["token"]))
    whole = asked.get(path, params={"full_content": True}).json()["content"]

    assert len(pieces) > 3
    assert "".join(pieces) == "\n".join(lines) + "\n"
    assert ast.literal_eval(whole) == [("", "".join(pieces))]


def test_a_log_that_grows_goes_on_where_it_ended_whatever_came_in_between(site, monkeypatch):
    grown = [
        ["*** There is no log file x."],
        ["first", "sec"],
        ["*** The pod is slow.", "first", "second", "th"],
        ["*** The pod has ended.", "first", "second", "third"],
    ]
    asked, path = client(site), f"{ONE}/taskInstances/a/logs/1"
    token: dict[str, str] = {}
    told: list[str] = []
    for number, lines in enumerate(grown):
        state = "success" if number == len(grown) - 1 else "running"
        with site.store.begin() as connection:
            connection.execute(schema.task_instance.update().values(state=state, try_number=1))
        monkeypatch.setattr(logs, "task_log", lambda *_, lines=lines: iter(lines))
        answer = asked.get(path, params=token).json()
        told += [piece for _, piece in ast.literal_eval(answer["content"])]
        token = {"token": answer["continuation_token"]}

    assert told == ["", "first\n", "second\n", "third\n*** The pod has ended.\n"]

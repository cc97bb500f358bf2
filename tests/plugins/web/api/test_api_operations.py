"""Rules of single operations of the REST API that no golden holds."""

from __future__ import annotations

import json
import os
import socket

from airflow_lite.clock import SystemClock, iso
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import dags, schema
from airflow_lite.store.jobs import start_job
from airflow_lite_web.access.limiter import MOST_FAILURES
from airflow_lite_web.access.sessions import COOKIE
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.problems import KINDS, MEDIA_TYPE
from fixtures.store_rows import add_dag, add_run
from plugins.web.api.conftest import ONE, SECRET, client

HOUR_US = 3_600_000_000


def get(site, path, **query):
    answer = client(site).get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def start_triggerer(connection, config, *, pid=1, process_start=None):
    return start_job(
        connection,
        kind="triggerer",
        hostname="elsewhere",
        pid=pid,
        boot_id=None,
        process_start=process_start,
        executor="",
        now_us=SystemClock().now_us(),
    )


def test_a_deferred_task_tells_its_trigger_and_who_runs_it(site):
    spec = {"class": "a.module.Trigger", "kwargs": {"moment": 1, "password": SECRET}}
    with site.store.begin() as connection:
        job_id = start_triggerer(connection, site.config)
        deferred = {"state": "deferred", "trigger_spec": json.dumps(spec), "triggerer_id": job_id}
        table = schema.task_instance
        connection.execute(table.update().where(table.c.task_id == "a").values(deferred))
    row = get(site, "/dags/d/dagRuns/r/taskInstances/a")
    other = get(site, "/dags/d/dagRuns/r/taskInstances/b")
    listed = get(site, "/dags/~/dagRuns/~/taskInstances")["task_instances"]

    assert row["trigger"] == {
        "id": row["trigger"]["id"],
        "classpath": "a.module.Trigger",
        "kwargs": "{'moment': 1, 'password': '***'}",
        "created_date": None,
        "triggerer_id": job_id,
    }
    assert (row["triggerer_job"]["id"], row["triggerer_job"]["job_type"]) == (
        job_id,
        "TriggererJob",
    )
    assert (other["trigger"], other["triggerer_job"]) == (None, None)
    assert [each["trigger"] is not None for each in listed] == [True, False]


def test_health_tells_of_a_triggerer_where_one_runs(site):
    without = get(site, "/health")["triggerer"]
    with site.store.begin() as connection:
        start_triggerer(connection, site.config)
    beating = get(site, "/health")["triggerer"]

    assert without == {"status": None, "latest_triggerer_heartbeat": None}
    assert beating["status"] == "healthy"
    assert beating["latest_triggerer_heartbeat"]
    assert site.client(Role.VIEWER).get("/health").json()["triggerer"] == beating


def test_runs_are_found_by_when_their_state_last_changed(site):
    now_us = SystemClock().now_us()
    ages = {"over": 1, "begun": 2, "waits": 3}  # hours
    columns = {
        "over": ("success", {"end_us": now_us - HOUR_US, "queued_us": now_us - 9 * HOUR_US}),
        "begun": ("running", {"start_us": now_us - 2 * HOUR_US, "queued_us": 1}),
        "waits": ("queued", {"queued_us": now_us - 3 * HOUR_US}),
    }
    spec = DagSpec("e", tasks={"a": TaskSpec("a")})
    with site.store.begin() as connection:
        version = add_dag(connection, spec)
        for number, (name, (state, values)) in enumerate(columns.items()):
            run = add_run(connection, spec, version, name, number, state=state)
            table = schema.dag_run
            connection.execute(table.update().where(table.c.id == run).values(values))

    def found(**bounds):
        rows = get(site, "/dags/e/dagRuns", fields="dag_run_id", **bounds)["dag_runs"]
        return [row["dag_run_id"] for row in rows]

    moments = {name: iso(now_us - hours * HOUR_US) for name, hours in ages.items()}
    assert found(updated_at_gte=moments["begun"]) == ["over", "begun"]
    assert found(updated_at_lte=moments["begun"]) == ["begun", "waits"]
    assert found(updated_at_gte=moments["waits"], updated_at_lte=moments["begun"]) == [
        "begun",
        "waits",
    ]


def test_warnings_are_of_pools_that_are_not_there_and_of_imports(site):
    tasks = {
        "a": TaskSpec("a", pool="nowhere"),
        "b": TaskSpec("b", pool="default_pool", doc_md='"pool":"gone"'),
        "c": TaskSpec("c", executor_config={"pool": "of a cluster"}),
    }
    with site.store.begin() as connection:
        add_dag(connection, DagSpec("w", tasks=tasks))
        add_dag(connection, DagSpec("x", tasks={"c": tasks["c"]}), fileloc="x.py")
        row = {"path": "x.py", "fingerprint": "f", "parsed_us": 1, "duration_us": 1}
        line = f"x.py:3: old, password={SECRET}"
        connection.execute(
            schema.dag_file.insert(), {**row, "dag_ids": '["x"]', "warnings": json.dumps([line])}
        )
    rows = get(site, "/dagWarnings", order_by="-dag_id")["dag_warnings"]
    of_pools = get(site, "/dagWarnings", warning_type="non-existent pool")

    assert [(row["dag_id"], row["warning_type"]) for row in rows] == [
        ("x", "import warning"),
        ("w", "non-existent pool"),
    ]
    assert rows[1]["message"] == "Dag 'w' references non-existent pools: ['nowhere']"
    assert of_pools["total_entries"] == 1


def test_a_file_is_parsed_again_by_operators_alone(site):
    with site.store.begin() as connection:
        row = {"path": "dags/d.py", "fingerprint": "f", "parsed_us": 1, "duration_us": 1}
        connection.execute(schema.dag_file.insert(), row)
        connection.execute(schema.dag.update().values(fileloc="dags/d.py"))
    token = get(site, "/dags/d")["file_token"]
    path = f"/api/v1/parseDagFile/{token}"
    refused = client(site, Role.VIEWER).put(path)
    unknown = client(site).put("/api/v1/parseDagFile/bm9wZQ")
    with site.store.read() as connection:
        before = dags.known_files(connection)
    done = client(site, Role.OPERATOR).put(path)
    with site.store.read() as connection:
        after = dags.known_files(connection)

    assert [refused.status_code, unknown.status_code, done.status_code] == [403, 404, 201]
    assert [file.fingerprint for file in (*before, *after)] == ["f", ""]
    [event] = get(site, "/eventLogs", event="action")["event_logs"]
    assert event["extra"] == "had DAG file dags/d.py parsed again"


def test_links_lead_to_pages_of_the_run_that_was_made_and_of_the_dag_that_is_awaited(site):
    tasks = {
        "calls": TaskSpec("calls", triggers_dag="d"),
        "waits": TaskSpec("waits", is_sensor=True, waits_for_dag="d"),
    }
    spec = DagSpec("l", tasks=tasks)
    with site.store.begin() as connection:
        run = add_run(connection, spec, add_dag(connection, spec), "r")
    path = "/dags/l/dagRuns/r/taskInstances"
    before = get(site, f"{path}/calls/links")
    with site.store.begin() as connection:
        value = {"key": "trigger_run_id", "value": json.dumps("manual/1"), "at_us": 1}
        row = {"dag_run_id": run, "task_id": "calls", "map_index": -1, **value}
        connection.execute(schema.xcom.insert(), row)

    assert before == {"Triggered DAG": "/dags/d"}
    assert get(site, f"{path}/calls/links") == {"Triggered DAG": "/dags/d/runs/manual%2F1"}
    assert get(site, f"{path}/waits/links") == {"External DAG": "/dags/d"}
    assert client(site).get(f"{ONE}/taskInstances/a/links").json() == {}


def test_a_role_may_all_that_those_before_it_may_and_a_viewer_reads_alone(site):
    rights = [
        {(each["action"]["name"], each["resource"]["name"]) for each in role["actions"]}
        for role in (get(site, f"/roles/{role.title}") for role in Role)
    ]

    assert rights[0] < rights[1] < rights[2]
    assert {action for action, _ in rights[0]} == {"can_read"}
    assert ("can_create", "User") not in rights[2]


def test_users_are_told_without_their_tokens_to_admins_alone(site):
    text = client(site).get("/api/v1/users").text
    users = json.loads(text)["users"]
    hashes = [user.token_hash for user in site.site.users.all()]

    assert [user["username"] for user in users] == ["admin", "operator", "viewer"]
    assert not any(each in text for each in hashes)
    assert client(site, Role.OPERATOR).get("/api/v1/users").status_code == 403


def test_a_connection_is_tried_where_that_is_switched_on_and_nothing_is_kept_of_it(
    site, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        body = {"connection_id": "x", "conn_type": "tcp", "host": "127.0.0.1", "port": port}
        asked = client(site)
        refused = asked.post("/api/v1/connections/test", json=body)
        monkeypatch.setitem(site.config.overrides, ("core", "test_connection"), "Enabled")
        tried = asked.post("/api/v1/connections/test", json={**body, "password": SECRET})
    gone = asked.post("/api/v1/connections/test", json=body)

    assert [each.status_code for each in (refused, tried, gone)] == [403, 200, 200]
    assert [each.json()["status"] for each in (tried, gone)] == [True, False]
    assert all(f"127.0.0.1:{port}" in each.json()["message"] for each in (tried, gone))
    assert get(site, "/connections")["total_entries"] == 0


def test_a_dag_tells_after_how_many_failures_it_is_paused(site):
    with site.store.begin() as connection:
        add_dag(connection, DagSpec("f", max_consecutive_failed_dag_runs=3, tasks={}))
    found = get(site, "/dags", fields="dag_id,max_consecutive_failed_dag_runs")["dags"]

    assert [row["max_consecutive_failed_dag_runs"] for row in found] == [0, 3]


def test_who_is_not_let_in_is_told_so_as_a_problem(site):
    nobody = client(site)
    del nobody.headers["authorization"]
    first = nobody.get("/api/v1/dags")
    wrong = [nobody.get("/api/v1/dags", auth=("admin", "x")) for _ in range(MOST_FAILURES + 1)]
    session = site.site.sessions.begin(site.site.users.by_name("admin"))
    os.chmod(site.site.users.path, 0o666)
    os.utime(site.site.users.path, ns=(1, 1))
    shut = nobody.get("/api/v1/dags", headers={"cookie": f"{COOKIE}={session}"})
    answers = [first, wrong[0], wrong[-1], shut]

    assert [each.status_code for each in answers] == [401, 401, 429, 503]
    for each in answers:
        problem, kind = each.json(), KINDS[each.status_code]
        assert each.headers["content-type"] == MEDIA_TYPE
        assert (problem["status"], problem["title"]) == (each.status_code, kind.title)
        assert problem["type"].endswith(f"/{kind.name}")
    assert first.headers["www-authenticate"].startswith("Basic")
    assert int(wrong[-1].headers["retry-after"]) > 0

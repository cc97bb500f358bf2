"""Executors, pools, variables, connections and settings: shown without secrets, set by admins."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections, pools, schema, variables
from airflow_lite_web.access.users import Role
from fixtures.store_rows import add_job
from plugins.web.conftest import NOON_US, Web, chain, form_token

SECRET = "s3cr3t-of-nobody"
HTTP = {"conn_id": "x", "conn_type": "http"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A site with a secret in each place that has some; no test changes it."""
    web = Web(tmp_path_factory.mktemp("web") / "home", tls_key="", tls_certificate="")
    web.config.overrides = {**web.config.overrides, ("webserver", "secret_key"): SECRET}
    cipher = Cipher(web.config)
    with web.store.begin() as connection:
        variables.put(connection, cipher, {"api_token": SECRET, "region": "north"}, "What for")
        fields = connections.ConnectionFields(
            conn_id="wh",
            conn_type="postgres",
            description="Warehouse",
            host="db.example",
            schema="wh",
            login="me",
            password=SECRET,
            port=5432,
            extra=f'{{"a": "{SECRET}"}}',
        )
        connections.add(connection, cipher, fields)
    yield web
    web.store.close()


@pytest.mark.parametrize("role", [*Role])
@pytest.mark.parametrize(
    "path", ["/executors", "/datasets", "/pools", "/variables", "/connections", "/settings"]
)
def test_no_page_shows_a_secret_to_anybody(shared, path, role):
    client = shared.client(role)
    for suffix in ("", ".json", ".csv"):
        answer = client.get(path + suffix)
        assert answer.status_code == 200
        assert SECRET not in answer.text


def test_a_viewer_sees_the_keys_of_variables_alone(shared):
    def values(role):
        rows = shared.client(role).get("/variables.json").json()["variables"]
        return {row["key"]: row["value"] for row in rows}

    assert values(Role.VIEWER) == {"api_token": "***", "region": "***"}
    assert values(Role.OPERATOR) == {"api_token": "***", "region": "north"}


def test_connections_say_whether_there_is_a_password_and_not_which(shared):
    (row,) = shared.client(Role.ADMIN).get("/connections.json").json()["connections"]

    assert (row["host"], row["port"], row["password"], row["extra"]) == (
        "db.example",
        5432,
        "***",
        "***",
    )


def test_settings_say_where_a_value_comes_from(shared):
    rows = shared.client(Role.VIEWER).get("/settings.json?changed=1").json()["settings"]

    found = {(row["section"], row["name"]): (row["value"], row["source"]) for row in rows}
    assert found["webserver", "secret_key"] == ("***", "override")
    assert all(source != "default" for _, source in found.values())


def test_executors_are_listed_the_configured_one_first(shared):
    data = shared.client(Role.VIEWER).get("/executors.json").json()

    assert data["executors"][0]["name"] == data["chosen"] == "SequentialExecutor"
    assert {"LocalExecutor", "DebugExecutor"} <= {row["name"] for row in data["executors"]}
    assert "airflow-lite-web" in {row["distribution"] for row in data["plugins"]}


def test_a_viewer_has_no_health_checked(shared):
    assert not shared.client(Role.VIEWER).get("/executors.json?check=1").json()["is_checked"]


def test_an_operator_sees_what_the_plugin_shows_of_its_executor(shared, monkeypatch):
    overrides = {**shared.config.overrides, ("core", "executor"): "DaskExecutor"}
    monkeypatch.setattr(shared.config, "overrides", overrides)
    page = shared.client(Role.OPERATOR).get("/executors?check=1").text

    assert "<h2>Dask workers</h2>" in page
    assert "[dask] cluster_address is empty" in page


@pytest.mark.parametrize(
    ("executor", "warning"),
    [
        ("SequentialExecutor", "Do not use the SequentialExecutor in production."),
        ("DebugExecutor", "Do not use the DebugExecutor in production."),
        ("LocalExecutor", None),
    ],
)
def test_every_page_says_that_an_executor_is_not_for_production(web, executor, warning):
    with web.store.begin() as connection:
        beat = {"latest_beat_us": 4_000_000_000_000_000, "hostname": "elsewhere"}
        add_job(connection, kind="scheduler", executor=executor, **beat)
    web.fill(chain("d", "t"))
    client = web.client(Role.VIEWER)
    for path in ("/", "/dags/d/grid", "/pools"):
        text = client.get(path).text
        assert (warning or "in production") in text if warning else "in production" not in text
        assert "Scheduler runs" in text


def post(client, path, **data):
    return client.post(path, data={"form_token": form_token(client), **data})


def test_an_admin_makes_changes_and_deletes_a_pool(web):
    client = web.client(Role.ADMIN)

    made = post(client, "/pools/set", name="db", slots="3", description="Warehouse")
    assert made.headers["location"] == "/pools?notice=Made+pool+db%3A+3+slots."
    post(client, "/pools/set", name="db", slots="-1", include_deferred="on")
    with web.store.read() as connection:
        pool = pools.the_pool(connection, "db")
    assert (pool["slots"], pool["include_deferred"]) == (-1, True)

    post(client, "/pools/delete", name="db")
    assert [row["name"] for row in client.get("/pools.json").json()["pools"]] == ["default_pool"]


@pytest.mark.parametrize(
    ("path", "data", "message"),
    [
        ("/pools/set", {"name": "x", "slots": "many"}, "The slots are no whole number."),
        ("/pools/set", {"name": "x", "slots": "-2"}, "A pool cannot have -2 slots."),
        ("/pools/set", {"name": "a b", "slots": "1"}, "is not allowed"),
        ("/pools/delete", {"name": "default_pool"}, "default_pool cannot be deleted."),
        ("/pools/delete", {"name": "none"}, "There is no pool"),
        ("/connections/set", {"conn_id": "a b", "conn_type": "http"}, "is not allowed"),
        ("/connections/set", {"conn_id": "x"}, "The connection has no type."),
        ("/connections/set", {**HTTP, "port": "many"}, "which is no whole number."),
        ("/connections/set", {**HTTP, "port": "70000"}, "which is no port."),
        ("/connections/set", {**HTTP, "extra": "[]"}, "The extra is not a JSON object."),
        ("/variables/set", {"key": "", "value": "x"}, "A Variable&#39;s key has 1 to"),
    ],
)
def test_what_cannot_be_set_is_said_in_a_line(web, path, data, message):
    answer = post(web.client(Role.ADMIN), path, **data)

    assert answer.status_code in {400, 404}
    assert message in answer.text


def test_an_admin_sets_and_deletes_a_variable_which_is_noted_without_its_value(web):
    client = web.client(Role.ADMIN)

    post(client, "/variables/set", key="region", value="south", description="Where")
    with web.store.read() as connection:
        assert variables.get(connection, Cipher(web.config), "region") == "south"
    post(client, "/variables/delete", key="region")

    assert client.get("/variables.json").json()["variables"] == []
    with web.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT actor, cause FROM task_event ORDER BY id").all()
    assert [tuple(row) for row in rows] == [
        ("user admin", "set variable region"),
        ("user admin", "deleted variable region"),
    ]


def test_an_operator_sets_none_of_them(web):
    client = web.client(Role.OPERATOR)
    for kind in ("pools", "variables", "connections"):
        for path in (f"/{kind}/set", f"/{kind}/delete"):
            data = {"name": "x", "slots": "1", "key": "x", "conn_id": "x", "conn_type": "http"}
            assert post(client, path, **data).status_code == 403


def stored(web, conn_id):
    with web.store.read() as connection:
        return connections.get(connection, Cipher(web.config), conn_id)


def test_an_admin_makes_changes_and_deletes_a_connection_and_its_secrets_stay(web):
    client = web.client(Role.ADMIN)
    form = {"conn_id": "wh", "conn_type": "postgres", "host": "a.example", "port": "5432"}

    post(client, "/connections/set", **form, password=SECRET, extra='{"a": 1}')
    answer = client.get("/connections?edit=wh")
    assert 'name="host" value="a.example"' in answer.text
    assert SECRET not in answer.text
    post(client, "/connections/set", **{**form, "host": "b.example"}, password="", extra="")
    changed = stored(web, "wh")
    assert (changed.host, changed.port, changed.password, changed.extra) == (
        "b.example",
        5432,
        SECRET,
        '{"a": 1}',
    )
    post(client, "/connections/set", **form, forget_password="on")
    assert (stored(web, "wh").password, stored(web, "wh").extra) == (None, '{"a": 1}')
    post(client, "/connections/delete", conn_id="wh")

    assert stored(web, "wh") is None
    with web.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT actor, cause FROM task_event ORDER BY id").all()
    causes = ["made", "changed", "changed", "deleted"]
    assert [tuple(row) for row in rows] == [
        ("user admin", f"{cause} connection wh") for cause in causes
    ]


def test_datasets_name_who_makes_and_awaits_them(web):
    web.fill(chain("maker", "t"))
    web.fill(chain("reader", "t"))
    with web.store.begin() as connection:
        for uri in ("s3://a/<b>", "s3://other"):
            connection.execute(schema.dataset.insert().values(uri=uri, created_us=0, updated_us=0))
        for dag_id, task_id in (("maker", "t"), ("reader", None)):
            use = {"dataset_id": 1, "dag_id": dag_id, "task_id": task_id}
            connection.execute(schema.dataset_use.insert().values(use))
    client = web.client(Role.VIEWER)

    (row,) = client.get("/datasets.json?q=A/").json()["datasets"]
    text = client.get("/datasets").text

    assert (row["uri"], row["made_by"], row["awaited_by"]) == (
        "s3://a/<b>",
        [{"dag_id": "maker", "task_id": "t"}],
        ["reader"],
    )
    assert "s3://a/&lt;b&gt;" in text
    assert "s3://other" in text


def test_a_database_that_is_busy_is_told_as_that_and_nothing_is_done(tmp_path):
    busy = {("database", "sqlite_busy_timeout_s"): "0.05"}
    web = Web(tmp_path / "home", overrides=busy)
    web.fill(chain("d", "t"))
    client = web.client(Role.OPERATOR)
    token = form_token(client)
    path = str(web.store.engine.url.database)

    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        answer = client.post("/dags/d/pause", data={"form_token": token})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The database is busy, or does not answer." in answer.text
    assert not client.get("/home.json").json()["dags"][0]["is_paused"]
    web.store.close()


def test_a_page_that_says_so_is_shown_though_no_row_can_be_read(web):
    client = web.client(Role.VIEWER)
    with web.store.begin() as connection:
        for name in ("job", "dag"):
            connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO lost_{name}")

    answer = client.get("/")

    assert answer.status_code == 503
    assert "No database" in answer.text
    assert client.get("/home.json").json() == {
        "error": "The database is busy, or does not answer. Try again; the server's log says more."
    }


def test_a_pool_shows_how_full_it_is(web):
    (run,) = web.fill(chain("d", "a", "b"))
    web.set_state(run, "a", "running", start_us=NOON_US)
    web.set_state(run, "b", "queued")

    (pool,) = web.client(Role.VIEWER).get("/pools.json").json()["pools"]

    assert (pool["running"], pool["queued"], pool["open"]) == (1, 1, 126)

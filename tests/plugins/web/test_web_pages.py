"""Each page shows what the store has, as HTML, as JSON, and its table as CSV."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite_web.access.users import Role
from plugins.web.conftest import NOON_US, Web, chain

RUN = "/dags/shop/runs/r0"


def fill(web):
    """Add a DAG of two tasks and two runs, of which the first one failed."""
    spec = chain("shop", "load", "send", tags=("daily",), description="Orders")
    first, _ = web.fill(spec, 2, description="Orders", tags='["daily"]', schedule="@hourly")
    web.set_state(
        first, "load", "failed", try_number=1, change_cause="ValueError: 3 < 4", end_us=NOON_US
    )
    return web


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A filled site that no test changes."""
    web = fill(Web(tmp_path_factory.mktemp("web") / "home"))
    yield web
    web.store.close()


@pytest.fixture(scope="module")
def reader(shop):
    return shop.client(Role.VIEWER)


@pytest.fixture
def filled(web):
    return fill(web)


@pytest.fixture
def client(filled):
    return filled.client(Role.VIEWER)


PAGES = [
    "/",
    "/?kind=failed&q=shop",
    "/dags/shop/grid",
    "/dags/shop/grid?select=1&open=*",
    "/dags/shop/graph",
    "/dags/shop/graph?run=r0&open=",
    "/dags/shop/runs",
    "/dags/shop/runs?state=failed",
    "/dags/shop/code",
    "/dags/shop/code?version=1",
    "/dags/shop/details",
    f"{RUN}/gantt",
    f"{RUN}/tasks/load/log",
    f"{RUN}/tasks/load/log?errors=1&try=1",
    f"{RUN}/tasks/load/history",
    f"{RUN}/tasks/load/fields",
    f"{RUN}/tasks/load/xcoms",
    f"{RUN}/tasks/load/mapped",
]


def data_path(path):
    page, _, query = path.partition("?")
    page = "/home" if page == "/" else page
    return f"{page}.json?{query}"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_and_has_its_data(reader, path):
    answer = reader.get(path)
    data = reader.get(data_path(path))

    assert (answer.status_code, data.status_code) == (200, 200)
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert re.search(r"<script(?! src=)", answer.text) is None
    assert data.headers["content-type"] == "application/json"


def test_a_stranger_sees_no_page(shop):
    stranger = shop.client()
    for path in PAGES:
        assert stranger.get(path).status_code == 401
        assert stranger.get(data_path(path)).status_code == 401


def test_home_lists_the_dags_with_their_newest_runs_and_what_they_do(reader):
    (dag,) = reader.get("/home.json").json()["dags"]

    assert dag["dag_id"] == "shop"
    assert dag["tags"] == ["daily"]
    assert [run["run_id"] for run in dag["runs"]] == ["r0", "r1"]
    assert dag["waiting"] == "2 queued"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"schedule": "None"}, "waits to be triggered"),
        ({"schedule": "@daily"}, "no run to come"),
        ({"schedule": "@daily", "next_create_after_us": NOON_US}, "waits for its next run"),
        ({"schedule": "Dataset"}, "waits for its datasets"),
        ({"schedule": "@daily", "is_paused": True}, "paused"),
    ],
)
def test_home_says_what_a_dag_without_a_run_waits_for(web, columns, words):
    web.fill(chain("d", "t"), 0, **columns)

    (dag,) = web.client(Role.VIEWER).get("/home.json").json()["dags"]

    assert dag["waiting"] == words


def test_the_table_of_a_page_is_to_be_had_as_csv(reader):
    lines = reader.get("/home.csv").text.splitlines()

    assert lines[0].startswith("dag_id,is_paused,description")
    assert lines[1].startswith("shop,False,Orders")


def test_a_csv_has_no_formula(web):
    web.fill(chain("a", "t"), description='=HYPERLINK("x")')

    assert "'=HYPERLINK" in web.client(Role.VIEWER).get("/home.csv").text


def test_more_dags_than_a_page_has_are_on_the_next(web):
    for name in "abc":
        web.fill(chain(name, "t"))
    client = web.client(Role.VIEWER)

    first = client.get("/home.json?n=2").json()
    second = client.get(f"/home.json?n=2&after={first['next']}").json()

    assert [dag["dag_id"] for dag in first["dags"] + second["dags"]] == ["a", "b", "c"]
    assert second["next"] is None


def test_what_failed_of_late_is_on_the_first_page_with_its_cause(client, filled):
    with filled.store.begin() as connection:  # the trigger copied the moment of the test's rows
        connection.execute(schema.task_event.update().values(at_us=4_000_000_000_000_000))

    (failure,) = client.get("/home.json").json()["failures"]

    assert (failure["task_id"], failure["cause"]) == ("load", "ValueError: 3 < 4")
    assert "ValueError: 3 &lt; 4" in client.get("/").text


def test_a_task_that_failed_often_of_late_hides_no_other(web):
    runs = web.fill(chain("often", "t"), runs=30)
    (quiet,) = web.fill(chain("once", "t"))
    for run in (quiet, *runs):
        web.set_state(run, "t", "failed")
    with web.store.begin() as connection:  # the trigger copied the moment of the test's rows
        at_us = 4_000_000_000_000_000 + schema.task_event.c.id
        connection.execute(schema.task_event.update().values(at_us=at_us))
    client = web.client(Role.VIEWER)

    data = client.get("/home.json").json()

    failures = [(row["dag_id"], row["run_id"], row["earlier"]) for row in data["failures"]]
    assert failures == [("often", "r29", 29), ("once", "r0", 0)]
    assert not data["has_more_failures"]
    assert client.get("/").text.count("earlier</a>") == 1


def test_an_import_error_has_its_line_and_reason(web):
    row = {"path": "x.py", "fingerprint": "", "parsed_us": 1, "duration_us": 1}
    text = "ModuleNotFoundError: no module 'nothing' (line 7)\n  File x"
    with web.store.begin() as connection:
        connection.execute(schema.dag_file.insert().values(**row, error=text))

    (error,) = web.client(Role.VIEWER).get("/home.json").json()["import_errors"]

    assert (error["path"], error["line"]) == ("x.py", 7)
    assert error["reason"] == "ModuleNotFoundError: no module 'nothing' (line 7)"


def test_the_grid_has_a_cell_for_each_task_and_run_the_oldest_first(reader):
    data = reader.get("/dags/shop/grid.json").json()

    assert [run["run_id"] for run in data["runs"]] == ["r0", "r1"]
    assert [row["name"] for row in data["rows"]] == ["load", "send"]
    assert [cell["state"] for cell in data["rows"][0]["cells"]] == ["failed", None]


def test_a_folded_group_has_one_row_with_the_worst_of_its_states(web):
    spec = chain("d", "g.a", "g.b", "last")
    (run,) = web.fill(spec)
    web.set_state(run, "g.a", "success")
    web.set_state(run, "g.b", "failed")
    client = web.client(Role.VIEWER)

    group, last = client.get("/dags/d/grid.json?open=").json()["rows"]

    assert (group["name"], group["is_open"], group["toggled"]) == ("g", False, "g")
    assert (group["cells"][0]["state"], group["cells"][0]["text"]) == ("failed", "1/2")
    assert last["name"] == "last"
    opened = client.get("/dags/d/grid.json?open=g").json()["rows"]
    assert [row["name"] for row in opened] == ["g", "g.a", "g.b", "last"]


def test_a_group_counts_all_that_is_in_it_mapped_instances_and_inner_groups_too(web):
    runs = web.fill(chain("d", "g.in.a", "g.in.b", "g.c"), 2)
    table = schema.task_instance
    mapped = (table.c.dag_run_id == runs[0]) & (table.c.task_id == "g.c")
    with web.store.begin() as connection:
        connection.execute(table.update().where(mapped).values(map_index=0, state="success"))
        row = {"dag_run_id": runs[0], "task_id": "g.c", "map_index": 1, "state": "failed"}
        connection.execute(table.insert().values(row))
    web.set_state(runs[0], "g.in.a", "success")

    rows = web.client(Role.VIEWER).get("/dags/d/grid.json?open=g").json()["rows"]

    outer, inner, own = ([cell["states"] for cell in row["cells"]] for row in rows)
    assert [row["name"] for row in rows] == ["g", "g.in", "g.c"]
    assert outer == [{"none": 1, "success": 2, "failed": 1}, {"none": 3}]
    assert inner == [{"none": 1, "success": 1}, {"none": 2}]
    assert own[0] == {"success": 1, "failed": 1}


def test_a_cell_of_a_mapped_task_is_a_count_that_opens(web):
    (run,) = web.fill(chain("d", "t"))
    table = schema.task_instance
    with web.store.begin() as connection:
        connection.execute(table.update().values(map_index=0, state="success"))
        rows = [{"dag_run_id": run, "task_id": "t", "map_index": index} for index in (1, 2)]
        connection.execute(table.insert().values(rows))
    client = web.client(Role.VIEWER)

    cell = client.get("/dags/d/grid.json").json()["rows"][0]["cells"][0]

    assert (cell["state"], cell["text"], cell["states"]) == (None, "2/3", {"none": 2, "success": 1})
    place = client.get(f"/dags/d/i/{cell['id']}").headers["location"]
    assert place == "/dags/d/runs/r0/tasks/t/mapped"
    assert len(client.get(f"{place}.json").json()["instances"]) == 3


def test_the_graph_draws_each_task_and_each_edge(reader):
    text = reader.get("/dags/shop/graph?run=r0").text

    assert text.count('class="stripe s-failed"') == 1
    assert text.count("marker-end") == 1


def add_failed_try(filled, **columns):
    """Give the first task *load* a try of three seconds that waited for one."""
    with filled.store.begin() as connection:
        ids = sa.select(schema.task_instance.c.id).where(schema.task_instance.c.task_id == "load")
        connection.execute(
            schema.attempt.insert().values(
                token="a" * 32,
                task_instance_id=connection.execute(ids.order_by("id")).scalars().first(),
                try_number=1,
                queued_us=NOON_US,
                claimed_us=NOON_US + 1_000_000,
                ended_us=NOON_US + 4_000_000,
                outcome="failed",
                **columns,
            )
        )


@pytest.mark.parametrize("code", [3, -9])
def test_the_log_tells_the_exit_code_of_a_process_that_ended_badly(client, filled, code):
    add_failed_try(filled, exit_code=code, max_rss_kb=51_200)

    assert f"Exit code {code} · 3.0s · 50.0 MB at most" in client.get(f"{RUN}/tasks/load/log").text


def test_the_log_of_a_task_that_raised_has_no_exit_code_0(client, filled):
    add_failed_try(filled, exit_code=0)

    text = client.get(f"{RUN}/tasks/load/log").text
    assert '<p class="sub dim">3.0s' in text
    assert "Exit code" not in text


def test_the_gantt_has_a_light_bar_for_the_wait_and_a_dark_one_for_the_run(client, filled):
    add_failed_try(filled)

    data = client.get(f"{RUN}/gantt.json").json()

    bars = next(row["bars"] for row in data["rows"] if row["task_id"] == "load")
    assert [(bar["is_wait"], bar["s"]) for bar in bars] == [(True, 1.0), (False, 3.0)]
    assert bars[0]["x"] + bars[0]["width"] == pytest.approx(bars[1]["x"])


def test_a_task_that_has_not_begun_names_what_it_stands_after(reader):
    data = reader.get(f"{RUN}/tasks/send/log.json").json()

    assert data["waits_for"] == [{"task_id": "load", "state": "failed", "count": 1}]


def test_the_log_has_its_errors_marked_and_frames_of_libraries_folded(client, filled):
    folder = filled.config.getpath("logging", "base_log_folder")
    path = folder / "dag_id=shop/run_id=r0/task_id=load/attempt=1.log"
    path.parent.mkdir(parents=True)
    path.write_text(
        "one\n"
        "Traceback (most recent call last):\n"
        '  File "/dags/mine.py", line 1, in <module>\n'
        "    call()\n"
        '  File "/venv/lib/python3.11/site-packages/lib.py", line 9, in call\n'
        "    raise ValueError\n"
        "ValueError: <b>no</b>\n"
        "two\n"
    )

    kinds = [
        (block["kind"], len(block["lines"]))
        for block in client.get(f"{RUN}/tasks/load/log.json").json()["blocks"]
    ]

    assert kinds[:5] == [("", 1), ("error", 3), ("frames", 2), ("error", 1), ("", 1)]
    page = client.get(f"{RUN}/tasks/load/log?errors=1").text
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert ">two" not in page
    whole = client.get(f"{RUN}/tasks/load/log.txt")
    assert whole.text.startswith("one\nTraceback")
    assert whole.headers["content-type"].startswith("text/plain")


def test_the_history_says_who_when_and_why(reader):
    (item,) = reader.get(f"{RUN}/tasks/load/history.json").json()["events"]

    assert (item["to_state"], item["actor"], item["cause"]) == (
        "failed",
        "host h:1",
        "ValueError: 3 < 4",
    )


def test_the_details_name_the_params_described_or_not(web):
    params = {
        "days": {"value": 7, "schema": {"type": "integer", "description": "How many <days>"}},
        "plain": {"value": "x", "schema": {}},
    }
    web.fill(chain("d", "t", params=params))

    answer = web.client(Role.VIEWER).get("/dags/d/details")

    assert answer.status_code == 200
    assert '<code>7</code> <span class="dim">How many &lt;days&gt;</span>' in answer.text
    assert "<dt>plain</dt>" in answer.text


def test_the_details_of_many_tasks_have_their_rest_on_the_next_page(web):
    names = [f"{'x' * 60}{number:03}" for number in range(1_000)]
    tasks = {
        name: TaskSpec(name, "BashOperator", upstream=tuple(names[:place][-300:]))
        for place, name in enumerate(names)
    }
    web.fill(DagSpec("d", tasks))
    client = web.client(Role.VIEWER)

    first, last = (client.get(f"/dags/d/details?row={row}").text for row in (0, 800))

    assert max(map(len, (first, last))) < 300_000
    assert (f"<td>{names[0]}</td>" in first, f"<td>{names[0]}</td>" in last) == (True, False)
    assert (f"<td>{names[-1]}</td>" in first, f"<td>{names[-1]}</td>" in last) == (False, True)
    assert ("details?row=200" in first, "details?row=1000" in last) == (True, False)
    assert len(client.get("/dags/d/details.json").json()["tasks"]) == 1_000


def test_the_code_is_of_the_dag_folder_alone(client, filled):
    dags = filled.config.getpath("core", "dags_folder")
    dags.mkdir(parents=True)
    (dags / "d.py").write_text("print(1)\nprint('<i>')\n")
    assert client.get("/dags/shop/code.json").json()["lines"] == ["print(1)", "print('<i>')"]

    secret = dags.parent / "secret"
    secret.write_text("no")
    for location in ("../secret", str(secret)):
        with filled.store.begin() as connection:
            connection.execute(schema.dag.update().values(fileloc=location))
        data = client.get("/dags/shop/code.json").json()
        assert data["lines"] == []
        assert data["flaw"].endswith("is not a file of the DAG folder of this machine.")


@pytest.mark.parametrize(
    "path",
    [
        "/dags/none/grid",
        "/dags/shop/runs/none/gantt",
        f"{RUN}/tasks/none/log",
        f"{RUN}/tasks/load/log?map_index=3",
        "/dags/shop/i/999",
        "/dags/shop/code?version=99",
        "/none",
        "/dags/..%2f..%2fetc%2fpasswd/code",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
    ],
)
def test_what_is_not_there_is_said_to_be_missing(reader, path):
    answer = reader.get(path)

    assert answer.status_code == 404
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("query", ["n=x", "n=-1", "after=%00", "kind=x", "row=9e9", "before=-5"])
def test_parameters_that_make_no_sense_do_no_harm(reader, query):
    for path in ("/home.json", "/dags/shop/grid.json", "/dags/shop/runs.json"):
        assert reader.get(f"{path}?{query}").status_code == 200


XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_what_authors_and_tasks_write_is_text_everywhere(web):
    spec = chain("d", "t", doc_md=XSS, description=XSS, display_name=XSS, tags=(XSS,))
    (run,) = web.fill(spec, description=XSS, tags=f'["{XSS[:25]}"]', schedule=XSS, owners=XSS)
    web.set_state(run, "t", "failed", change_cause=XSS, rendered_map_index=XSS, try_number=1)
    with web.store.begin() as connection:
        (instance,) = connection.execute(sa.select(schema.task_instance.c.id)).scalars()
        connection.execute(
            schema.xcom.insert().values(
                dag_run_id=run, task_id="t", map_index=-1, key=XSS, value=f'"{XSS[:25]}"', at_us=1
            )
        )
        fields = schema.rendered_fields.insert()
        connection.execute(fields.values(task_instance_id=instance, fields=f'{{"{XSS[:25]}": 1}}'))
        connection.execute(schema.dag_run.update().values(note=XSS, conf=f'{{"{XSS[:25]}": 1}}'))
    client = web.client(Role.ADMIN)
    base = "/dags/d/runs/r0"
    paths = [f"/dags/d/{tab}" for tab in ("grid", "graph", "runs", "code", "details")]
    paths += [f"{base}/tasks/t/{tab}" for tab in ("log", "history", "fields", "xcoms", "mapped")]
    for path in ["/", f"/?q={XSS}", f"/?notice={XSS}", *paths, f"{base}/gantt"]:
        text = client.get(path).text
        assert "<script>" not in text, path
        assert "<img src=x" not in text, path


#: Statements of each page, whatever the store holds; the state of the schedulers is one of them.
STATEMENTS = {
    "/": 7,
    "/dags/shop/grid": 5,
    "/dags/shop/graph": 5,
    "/dags/shop/runs": 3,
    "/dags/shop/details": 4,
    "/dags/shop/code": 3,
    f"{RUN}/gantt": 6,
    f"{RUN}/tasks/send/history": 15,
    f"{RUN}/tasks/send/xcoms": 15,
    f"{RUN}/tasks/send/log": 13,
    f"{RUN}/tasks/send/fields": 14,
    f"{RUN}/tasks/send/mapped": 5,
    "/executors": 4,
    "/datasets": 5,
    "/pools": 2,
    "/settings": 1,
}


@pytest.mark.parametrize(("path", "most"), STATEMENTS.items())
def test_a_page_costs_as_many_statements_whatever_the_store_holds(filled, client, path, most):
    seen = []
    client.get(path)  # definitions that were read stay known
    event.listen(filled.store.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    client.get(path)
    few = len([text for text in seen if text.startswith("SELECT")])

    for name in ("a", "b"):
        filled.fill(chain(name, *"tuvw"), 5)
    seen.clear()
    client.get(path)

    assert len([text for text in seen if text.startswith("SELECT")]) == few <= most

"""A site of its own for each test, and browsers that are none: starlette's client."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager

import pytest

pytest.importorskip("airflow_lite_web")

from starlette.testclient import TestClient

from airflow_lite.config import Config, ConfigOption
from airflow_lite.spec.model import DagSpec, ScheduleSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from airflow_lite_web.access.users import Role
from airflow_lite_web.app import make_app
from airflow_lite_web.settings import OPTIONS, SECTION, read_settings
from airflow_lite_web.site import make_site
from fixtures.store_rows import add_dag, add_run
from plugins.web.browsing import sign_in

#: 2026-01-01T12:00:00+00:00, and an hour.
NOON_US, HOUR_US = 1_767_268_800_000_000, 3_600_000_000
ORIGIN = "http://testserver"


class Web:
    """A site with a user of each role, and clients that are signed in."""

    def __init__(self, home, database=None, environ=None, overrides=None, **settings):
        options = tuple(ConfigOption(SECTION, *row) for row in OPTIONS)
        overrides = {
            **(overrides or {}),
            **{("web", name): value for name, value in settings.items()},
        }
        if database:
            overrides["database", "sql_alchemy_conn"] = database
        self.config = Config(
            home,
            environ,
            overrides=overrides,
            plugin_options=options,
        )
        self.store = open_store(self.config)
        self.site = make_site(self.config, self.store, read_settings(self.config))
        self.tokens = {role: self.site.users.create(role.title, role) for role in Role}
        self.app = make_app(self.site)

    def fill(self, spec, runs=1, **columns):
        """Add a DAG with runs an hour apart; return the runs' row ids."""
        with self.store.begin() as connection:
            version = add_dag(connection, spec, **columns)
            return [
                add_run(connection, spec, version, f"r{number}", NOON_US + number * HOUR_US)
                for number in range(runs)
            ]

    def set_state(self, run, task_id, state, **columns):
        """Give the instances of a task a state, as a scheduler would."""
        values = {"state": state, "changed_by": "host h:1", "changed_at_us": NOON_US, **columns}
        table = schema.task_instance
        mine = (table.c.dag_run_id == run) & (table.c.task_id == task_id)
        with self.store.begin() as connection:
            connection.execute(table.update().where(mine).values(values))

    def client(self, role=None, **options):
        client = TestClient(self.app, follow_redirects=False, **options)
        if role is not None:
            answer = client.post("/login", data={"token": self.tokens[role]})
            assert answer.status_code == 303, answer.text
        return client


def chain(dag_id, *task_ids, **options):
    """Return a DAG whose tasks run one after the other."""
    tasks = {}
    for place, task_id in enumerate(task_ids):
        tasks[task_id] = TaskSpec(
            task_id,
            "BashOperator",
            upstream=task_ids[place - 1 : place] if place else (),
            downstream=task_ids[place + 1 : place + 2],
        )
    schedule = ScheduleSpec("cron", "0 * * * *", summary="@hourly")
    return DagSpec(dag_id, tasks, schedule, start_date_us=NOON_US, **options)


@contextmanager
def site_of(home):
    """Have a site over a home of `fixtures.homes`, with its database."""
    web = Web(home.folder, environ=home.environ)
    try:
        yield web
    finally:
        web.store.close()


def form_token(client, path="/"):
    """Return what the forms of this session carry."""
    found = re.search(r'name="form_token" value="(\w+)"', client.get(path).text)
    assert found is not None
    return found[1]


@pytest.fixture
def web(tmp_path):
    web = Web(tmp_path / "home")
    yield web
    web.store.close()


@pytest.fixture(scope="module")
def chromium():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium: apt-get install chromium")
    assert path is not None, "scripts/services has found no Chromium"
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def session(chromium, site):
    """The cookie of a browser that has signed in."""
    with chromium.new_context(base_url=site.address) as context:
        sign_in(context.new_page(), site)
        return context.storage_state()

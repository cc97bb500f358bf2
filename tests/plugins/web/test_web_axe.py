"""Every page is looked over by axe-core, in a real Chromium: light and dark, wide and narrow."""

from __future__ import annotations

import pytest

from fixtures.homes import Home
from plugins.web.browsing import Site, opened, serving

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.base")

DAGS = """
from datetime import datetime

from airflow_lite import DAG, BashOperator, Dataset, EmptyOperator, Param, TaskGroup, task

with DAG(
    "all_kinds",
    description="One of each",
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    end_date=datetime(2024, 1, 2),
    tags=["first", "second"],
    params={
        "days": Param(3, type="integer", minimum=1, maximum=9, description="How many"),
        "how": Param("quick", enum=["quick", "thorough"]),
        "loud": Param(False, type="boolean"),
        "until": Param("2024-01-31", type="string", format="date"),
        "places": Param(["north"], type="array"),
        "more": Param({"a": 1}, type="object"),
        "word": Param("one", type="string", examples=["one", "two"]),
    },
):
    with TaskGroup("numbers"):
        @task
        def count(params=None):
            return [1, 2, 3]

        @task
        def each(number):
            print("ERROR: of", number)

        each.expand(number=count())

    @task.short_circuit
    def stops():
        return False

    stops() >> EmptyOperator(task_id="skipped")
    BashOperator(task_id="writes", bash_command="true", outlets=[Dataset("file://made")])

    @task
    def fails():
        import json
        json.loads("{")

    fails() >> EmptyOperator(task_id="after")

with DAG("reads", schedule=[Dataset("file://made")], start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="only")

with DAG("slow", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="waits", bash_command="echo begun; sleep 600")
"""
RUN = "/dags/all_kinds/runs/first"
PAGES = [
    "/",
    "/?q=nothing",
    "/dags/all_kinds/grid",
    "/dags/all_kinds/grid?open=*",
    "/dags/all_kinds/grid?select=1",
    "/dags/all_kinds/graph?open=*",
    "/dags/all_kinds/runs",
    "/dags/all_kinds/code",
    "/dags/all_kinds/details",
    f"{RUN}/gantt",
    f"{RUN}/tasks/fails/log",
    f"{RUN}/tasks/fails/history",
    f"{RUN}/tasks/writes/fields",
    f"{RUN}/tasks/numbers.count/xcoms",
    f"{RUN}/tasks/numbers.each/mapped",
    f"{RUN}/tasks/after/log",
    "/dags/slow/grid",
    "/dags/all_kinds/trigger",
    "/dags/all_kinds/backfill?first=2024-01-01&last=2024-01-05",
    "/executors",
    "/executors?check=1",
    "/datasets",
    "/pools",
    "/variables",
    "/connections",
    "/connections?edit=some",
    "/settings",
]
#: Widths of a screen and of a telephone.
WIDTHS = (1440, 400)
RUN_AXE = """
async () => {
  const found = await axe.run({resultTypes: ["violations"]});
  return found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.impact} ${rule.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`));
}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("web") / "home")
    home.dag("some", DAGS)
    home.dag("broken", "import nothing_like_this")
    home.run("pools", "set", "narrow", "2", "for few")
    home.run("variables", "set", "place", "north")
    home.run("connections", "add", "some", "--conn-uri", "postgres://ann:secret@there/base")
    with home.scheduler(), serving(home) as (address, token):
        site = Site(home, address, token)
        site.trigger("all_kinds", "first", "--wait")
        site.trigger("slow", "endless")
        yield site


def findings(page):
    """Return what axe finds in a page as it stands there, by the text of each node."""
    page.evaluate(axe.AXE_SCRIPT)
    return page.evaluate(RUN_AXE)


def findings_at_all_widths(page):
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found.update(dict.fromkeys(findings(page), width))
    return found


def test_axe_finds_a_fault_that_is_put_into_a_page(chromium, site, session):
    with opened(chromium, site, session) as page:
        page.goto("/pools")
        page.evaluate("document.body.append(document.createElement('button'))")
        assert any("button-name" in finding for finding in findings(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(chromium, site, session, scheme):
    with opened(chromium, site, session, color_scheme=scheme) as page:
        for path in PAGES:
            assert page.goto(path).ok, path
            assert findings_at_all_widths(page) == {}, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_opens_on_a_page(chromium, site, session, scheme):
    with opened(chromium, site, session, color_scheme=scheme) as page:
        page.goto("/")
        page.keyboard.press("?")
        sync_api.expect(page.get_by_role("dialog")).to_be_visible()
        assert findings_at_all_widths(page) == {}
        for path, button in (
            (f"{RUN}/tasks/fails/log", "Clear with downstream"),
            ("/dags/slow/runs/endless/gantt", "Stop"),
        ):
            page.goto(path)
            page.get_by_role("button", name=button).click()
            sync_api.expect(page.get_by_role("link", name="Cancel")).to_be_visible()
            assert findings_at_all_widths(page) == {}, button


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_somebody_is_not_let_in(chromium, site, session, scheme):
    with chromium.new_context(base_url=site.address, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto("/login")
        assert findings_at_all_widths(page) == {}
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        sync_api.expect(page.get_by_role("alert")).to_be_visible()
        assert findings_at_all_widths(page) == {}
    with chromium.new_context(
        base_url=site.address, storage_state=session, color_scheme=scheme
    ) as context:
        page = context.new_page()
        page.goto("/no-such-page")
        assert findings_at_all_widths(page) == {}

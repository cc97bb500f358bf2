"""The pictures of the docs, of real pages: `scripts/test tests/plugins/web/pictures.py`.

Its name keeps it out of the other runs of pytest: what it makes is committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.homes import Home
from plugins.web.browsing import Site, serving, sign_in

IMAGES = Path(__file__).parents[3] / "docs" / "images"
SIZE = {"width": 1100, "height": 620}
DAGS = """
from datetime import datetime, timedelta

from airflow_lite import DAG, BashOperator, EmptyOperator, TaskGroup, task

DAYS = dict(start_date=datetime(2026, 1, 1), end_date=datetime(2026, 1, 14), catchup=True)

with DAG("sales_report", schedule="@daily", tags=["sales"], max_active_runs=14, **DAYS):
    with TaskGroup("extract") as extract:
        for source in ("orders", "customers", "returns"):
            BashOperator(task_id=source, bash_command="sleep 0.1")

    @task
    def check_stock(ds=None):
        if ds in {"2026-01-06", "2026-01-13"}:
            raise ValueError(f"Stock of {ds} is not complete: 3 of 4 warehouses have sent theirs.")

    @task
    def regions():
        return ["north", "south", "west"]

    @task
    def summarize(region):
        print("Summing up", region)

    checked = check_stock()
    extract >> checked
    each = summarize.expand(region=regions())
    [checked, each] >> BashOperator(task_id="publish", bash_command="true")

with DAG("stock_levels", schedule="@daily", tags=["sales", "stock"], max_active_runs=14, **DAYS):
    EmptyOperator(task_id="read") >> EmptyOperator(task_id="write")

with DAG("clean_up", schedule="@daily", tags=["house"], max_active_runs=14, **DAYS):
    EmptyOperator(task_id="old_files")
"""
PAGES = {
    "web-dags": "/",
    "web-grid": "/dags/sales_report/grid?open=*",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("pictures") / "home")
    home.dag("sales", DAGS)
    home.environ["AIRFLOW_LITE__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "False"
    with home.scheduler(), serving(home) as (address, token):
        yield Site(home, address, token)


def test_make(chromium, site, wait_until):
    def runs():
        return site.home.json("dags", "list-runs", "--dag-id", "sales_report")

    wait_until(
        lambda: (
            len(rows := runs()) == 14 and {row["state"] for row in rows} <= {"success", "failed"}
        ),
        "the end of all runs",
    )
    context = chromium.new_context(base_url=site.address, viewport=SIZE, device_scale_factor=1.5)
    page = context.new_page()
    sign_in(page, site)
    for name, path in PAGES.items():
        page.goto(path, wait_until="load")
        page.screenshot(path=IMAGES / f"{name}.png")

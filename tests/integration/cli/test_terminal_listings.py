"""Every listing fits terminals of 60 to 200 columns, with each id and date whole."""

from __future__ import annotations

import io
import json
import re

import pytest

from airflow_lite.api.commands.spec import ActionCommand, GroupCommand
from airflow_lite.cli.core_commands import all_commands
from airflow_lite.cli.main import run

RUN_ID = "nightly-reload-of-the-warehouse__2024-01-31T00:00:00+00:00"
DAG_ID = "reload_of_all_that_the_warehouse_has"
DATASET = "s3://warehouse/orders/of/the/north"
DAGS = f"""
from datetime import datetime
from airflow_lite import DAG, BashOperator, Dataset, EmptyOperator

with DAG("{DAG_ID}", start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False,
         tags=["nightly", "warehouse"], description="Reloads all that there is"):
    BashOperator(task_id="load_the_orders", bash_command="exit 3") >> EmptyOperator(task_id="end")

with DAG("little", start_date=datetime(2024, 1, 1), schedule=None):
    EmptyOperator(task_id="only", outlets=[Dataset("{DATASET}")])
"""
BROKEN = "import airflow_lite.dag, there_is_no_module_of_such_a_name\n"
#: A listing -> the fields that are never broken: ids, and dates that name a run.
LISTINGS = {
    "dags list": ("dag_id",),
    f"dags details {DAG_ID}": ("dag_id", "next_dagrun"),
    "dags list-import-errors": ("filepath",),
    "dags report": ("file",),
    "dags list-runs": ("dag_id", "run_id", "state"),
    f"dags list-runs -d {DAG_ID}": ("run_id",),
    f"dags list-runs -d {DAG_ID} --columns run_id,execution_date": ("run_id", "execution_date"),
    f"tasks states-for-dag-run {DAG_ID} {RUN_ID}": ("task_id", "state"),
    f"tasks history {DAG_ID} load_the_orders {RUN_ID}": ("to",),
    "datasets list": ("uri",),
    f"datasets details --uri {DATASET}": ("uri",),
    "connections list": ("conn_id",),
    "connections get the_shop_of_the_north": ("conn_id",),
    "variables list": ("key",),
    "pools list": ("pool",),
    "pools get default_pool": ("pool",),
    "executors list": ("name", "state"),
    "jobs list --state success": ("job_id", "executor"),
    "executors info LocalExecutor": ("name", "class"),
    "plugins list": ("name", "state"),
}
#: They print rows that they made by changing something, or reports of a shape of their own.
OTHERS = {
    "config import",
    "dags pause",
    "dags trigger",
    "dags unpause",
    "executors certify",
    "info",
    "plugins doctor",
    "plugins info",
    "pools delete",
    "pools set",
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def busy_home(home, monkeypatch):
    """A home in which every listing has something to say, and is this process's."""
    home.dag("warehouse", DAGS)
    home.dag("broken", BROKEN)
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(home.folder))
    home.run("dags", "trigger", DAG_ID, "-r", RUN_ID, "-e", "2024-01-31")
    home.run("dags", "trigger", DAG_ID, "-e", "2024-02-01")
    home.run("dags", "trigger", "little")
    home.run("tasks", "run", DAG_ID, "load_the_orders", RUN_ID)
    home.run("dags", "test", "little")
    home.run("variables", "set", "rows_of_a_load", "100", "--description", "At most so many")
    uri = "postgresql://reader:s3cret@db.example.com:5432/orders?sslmode=require"
    home.run("connections", "add", "the_shop_of_the_north", "--conn-uri", uri)
    return home


def listing(monkeypatch, call, terminal, **environ):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", terminal)
        run(call.split())
    return terminal.getvalue()


def test_every_listing_fits_terminals_of_60_to_200_columns(busy_home, monkeypatch):
    for call, fields in LISTINGS.items():
        rows = json.loads(listing(monkeypatch, f"{call} -o json", io.StringIO()))
        assert rows, call
        whole = {str(row[name]) for row in rows for name in fields if row[name]}
        for width in range(60, 201, 20):
            lines = listing(
                monkeypatch, call, Terminal(), COLUMNS=str(width), NO_COLOR="1", TERM="xterm"
            ).splitlines()
            text = "\n".join(lines)
            assert [name for name in whole if name not in text] == [], (call, width, text)
            wide = [line for line in lines if len(line.rstrip()) > width]
            # Only a word that is longer than its room may go over the edge: the path of a file.
            assert [line for line in wide if len(line.split()) > 2] == [], (call, width)


def test_run_ids_and_dates_stand_on_one_line_each_at_80_columns(busy_home, monkeypatch):
    text = listing(
        monkeypatch,
        f"dags list-runs -d {DAG_ID}",
        Terminal(),
        COLUMNS="80",
        NO_COLOR="1",
        TERM="xterm",
    )

    assert re.search(rf"^{re.escape(RUN_ID)} +\| (queued|running|failed)$", text, re.MULTILINE)


def commands_with(flag):
    return {
        f"{group.name} {command.name}"
        for group in all_commands()
        if isinstance(group, GroupCommand)
        for command in group.subcommands
        if isinstance(command, ActionCommand) and any(flag in arg.flags for arg in command.args)
    }


def test_every_command_that_lists_takes_columns():
    listings, with_columns = commands_with("--output"), commands_with("--columns")

    assert listings - with_columns == {"executors certify", "pools delete", "pools set"}
    assert listings - OTHERS == {" ".join(call.split()[:2]) for call in LISTINGS}

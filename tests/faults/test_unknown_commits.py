"""The connection is lost at a COMMIT, done or not: nothing is lost, and nothing is started twice."""

from __future__ import annotations

import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

COUNT = 24
DAG = """
import os
from datetime import datetime, timedelta
from airflow_lite import DAG, PythonOperator

def start(ti):
    with open(os.path.join(os.environ["AIRFLOW_LITE_HOME"], "starts"), "a") as file:
        file.write(f"{ti.task_id}\\n")

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100):
    ends = PythonOperator(task_id="end", python_callable=start, retries=2)
    for number in range(COUNT):
        PythonOperator(task_id=f"t{number}", python_callable=start, retries=2) >> ends
"""
#: By what transactions are known: words of a statement that no other has; of many tasks, of one.
TRANSACTIONS = {
    "dispatch": ("rows.executor_name", "WITH queued AS"),
    "the start of runs": ("UPDATE dag_run SET state",),
    "the host's claim": ("supervisor=rows.who", "WITH claimed AS"),
    "the host's record": ("exit_code=rows.exit_code", "WITH ended AS"),
}


@pytest.fixture
def home(tmp_path, proxied):
    home = Home(tmp_path / "home", {SETTING: proxied.url})
    home.dag("wide", DAG.replace("COUNT", str(COUNT)))
    return home


def starts(home):
    path = home.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def run_state(home):
    return [state for (state,) in home.execute("SELECT state FROM dag_run")]


both_ways = pytest.mark.parametrize(
    "is_committed", [True, False], ids=["committed", "not committed"]
)


@both_ways
def test_a_command_says_that_what_it_was_to_do_may_be_done(home, proxied, is_committed):
    home.run("pools", "list")
    proxied.cut("INSERT INTO pool", is_committed=is_committed)
    said = home.run("pools", "set", "new", "1", "", exit_code=1).stderr
    assert said.count("\n") == 1
    assert "It may be done: look before you do it again." in said
    names = [row["pool"] for row in home.json("pools", "list")]
    assert ("new" in names) is is_committed


@both_ways
@pytest.mark.parametrize("statements", TRANSACTIONS.values(), ids=TRANSACTIONS)
def test_a_run_goes_to_its_end_whatever_became_of_a_commit(
    home, proxied, wait_until, findings, statements, is_committed
):
    home.run("dags", "trigger", "wide", "-r", "r")
    for statement in statements:
        is_of_many = statement.count("rows.")
        proxied.cut(statement, is_committed=is_committed, times=1 + is_of_many)
    with home.scheduler():
        wait_until(lambda: run_state(home) == ["success"], "the run to succeed")

    assert statements[-1].encode() in {cut.statement for cut in proxied.made}
    tasks = ["end", *(f"t{number}" for number in range(COUNT))]
    assert sorted(starts(home)) == sorted(tasks)
    assert findings() == []
    tries = home.execute("SELECT DISTINCT try_number FROM task_instance")
    assert tries == [(1,)]

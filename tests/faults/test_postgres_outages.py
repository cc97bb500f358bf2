"""PostgreSQL is away, or cuts connections, in the midst of many tasks: they run on by themselves."""

from __future__ import annotations

import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

#: So many tasks, of which those from `GATED` on wait for a gate.
COUNT, GATED = 300, 100
DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

HOME = os.environ["AIRFLOW_LITE_HOME"]

def work(ti):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{ti.task_id} {ti.try_number}\\n")
    while int(ti.task_id[1:]) >= GATED and not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)
    return ti.task_id

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=1000):
    for number in range(COUNT):
        PythonOperator(task_id=f"t{number:03}", python_callable=work, retries=2)
"""


@pytest.fixture
def tenant(own_server):
    return own_server.new_tenant()


@pytest.fixture
def home(tmp_path, tenant):
    home = Home(tmp_path / "home", {SETTING: tenant.url})
    home.dag("wide", DAG.replace("COUNT", str(COUNT)).replace("GATED", str(GATED)))
    home.run("dags", "trigger", "wide", "-r", "r")
    return home


def open_gate(home):
    (home.folder / "gate").touch()


def starts(home):
    path = home.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def finish(home, tenant, wait_until, findings):
    """Wait for the run's end; each task has run once, and the history has no fault."""

    def finish(scheduler):
        select = "SELECT state FROM dag_run"
        wait_until(lambda: tenant.execute(select) == [("success",)], "the run to succeed")
        assert sorted(starts(home)) == [f"t{number:03} 1" for number in range(COUNT)]
        assert findings() == []
        assert "Traceback" not in scheduler.output()

    return finish


def told(scheduler, words):
    return [line.partition(words)[2] for line in scheduler.output().splitlines() if words in line]


def check_outages(scheduler, most):
    """Each outage is told, and its end: by the scheduler and by its task host."""
    for name, away, back in (
        ("scheduler", "the metadata database cannot be used: ", "the metadata database can be"),
        ("host", "the task host cannot use the metadata database, ", "the task host can use"),
    ):
        begun, over = told(scheduler, away), told(scheduler, back)
        assert len(over) <= len(begun) <= 2 * most, (name, begun)
        assert bool(over) == bool(begun), (name, begun, over)


def test_every_connection_is_cut_again_and_again(home, tenant, wait_until, finish):
    cuts = 0
    open_gate(home)
    with home.scheduler() as scheduler:
        for count in range(20, COUNT - 20, 20):
            wait_until(lambda least=count: len(starts(home)) >= least, f"{count} tasks")
            cuts += bool(tenant.cut())
        finish(scheduler)
    assert cuts > 5
    check_outages(scheduler, cuts)


@pytest.mark.parametrize("number", [2, 9], ids=["SIGINT", "SIGKILL"])
def test_the_server_is_started_anew(home, own_server, wait_until, finish, number):
    with home.scheduler() as scheduler:
        wait_until(lambda: len(starts(home)) > GATED, "tasks at the gate")
        own_server.stop(number)
        open_gate(home)
        own_server.start()
        finish(scheduler)
    check_outages(scheduler, 3)


def test_the_server_is_away_for_a_while(home, own_server, wait_until, finish):
    away = "the task host cannot use the metadata database"
    with home.scheduler() as scheduler:
        wait_until(lambda: len(starts(home)) > GATED, "tasks at the gate")
        own_server.stop()
        open_gate(home)
        wait_until(lambda: told(scheduler, "database cannot be used: "), "the scheduler to tell")
        wait_until(lambda: told(scheduler, away), "the host to tell")
        assert len(starts(home)) < COUNT
        own_server.start()
        finish(scheduler)
    check_outages(scheduler, 3)

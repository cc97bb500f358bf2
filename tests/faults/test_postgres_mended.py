"""PostgreSQL refuses its role: commands say so in one line, and a scheduler waits until it is mended."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

HOME = os.environ["AIRFLOW_LITE_HOME"]

def work(ti):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{ti.task_id}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None):
    tasks = [PythonOperator(task_id=name, python_callable=work) for name in ("a", "b", "c")]
    tasks[0] >> tasks[1] >> tasks[2]
"""


class Fault(NamedTuple):
    """Statements that break a tenant, those that mend it, and what is said meanwhile."""

    breaks: tuple[str, ...]
    mends: tuple[str, ...]
    said: str
    advice: str


ROLE, DATABASE, RIGHTS = "ALTER ROLE {name} ", "ALTER DATABASE {name} ", " ON ALL TABLES IN SCHEMA "
FAULTS = {
    "too few connections": Fault(
        (ROLE + "CONNECTION LIMIT 0",),
        (ROLE + "CONNECTION LIMIT -1",),
        "too many connections for role",
        "let fewer processes use it, or raise max_connections",
    ),
    "a wrong password": Fault(
        (ROLE + "PASSWORD 'other'",),
        (ROLE + "PASSWORD 'secret'",),
        "password authentication failed",
        "check user and password in [database] sql_alchemy_conn",
    ),
    "no database": Fault(
        (DATABASE + "ALLOW_CONNECTIONS false", "CUT", DATABASE + "RENAME TO {name}_away"),
        ("ALTER DATABASE {name}_away RENAME TO {name}", DATABASE + "ALLOW_CONNECTIONS true"),
        "does not exist",
        "make the database, or name another in [database] sql_alchemy_conn",
    ),
    "a role that only reads": Fault(
        (ROLE + "SET default_transaction_read_only = on",),
        (ROLE + "RESET default_transaction_read_only", "CUT"),
        "in a read-only transaction",
        "let this user write to it",
    ),
    "a role without rights": Fault(
        ("REVOKE ALL" + RIGHTS + "public FROM {name}",),
        ("GRANT ALL" + RIGHTS + "public TO {name}",),
        "permission denied for table",
        "grant the role of [database] sql_alchemy_conn all rights to it",
    ),
}


@pytest.fixture
def tenant(own_server):
    return own_server.new_tenant()


@pytest.fixture
def home(tmp_path, tenant):
    home = Home(tmp_path / "home", {SETTING: tenant.url})
    home.dag("d", DAG)
    home.run("dags", "trigger", "d", "-r", "r")
    return home


def execute(tenant, statements):
    for statement in statements:
        if statement == "CUT":
            tenant.cut()
        else:
            tenant.execute(statement, within=RIGHTS in statement)


def starts(home):
    path = home.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def told(scheduler, words):
    return [line for line in scheduler.output().splitlines() if words in line]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_scheduler_tells_it_once_waits_and_goes_on(home, tenant, wait_until, findings, fault):
    away, back = "ERROR the metadata database cannot be used: ", "metadata database can be used"
    with home.scheduler() as scheduler:
        wait_until(lambda: starts(home) == ["a"], "the first task")
        execute(tenant, (*fault.breaks, "CUT"))
        wait_until(lambda: [line for line in told(scheduler, away) if fault.said in line], "it")
        error = home.run("pools", "set", "new", "1", "", exit_code=1).stderr
        (home.folder / "gate").touch()
        execute(tenant, fault.mends)
        wait_until(lambda: starts(home) == ["a", "b", "c"], "the other tasks")
        wait_until(lambda: told(scheduler, back), "the scheduler to tell that it can")
        state = lambda: home.json("dags", "list-runs", "-d", "d")[0]["state"]  # noqa: E731
        wait_until(lambda: state() == "success", "the run to succeed")

    assert error.count("\n") == 1
    assert fault.said in error
    assert fault.advice.lower() in error.lower()
    assert "secret" not in error
    (line,) = [line for line in told(scheduler, away) if fault.said in line]
    assert fault.advice in line
    assert "Traceback" not in scheduler.output()
    assert findings() == []


CALLS_BACK = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

HOME = os.environ["AIRFLOW_LITE_HOME"]

def note(name):
    with open(os.path.join(HOME, name), "a") as file:
        file.write("x\\n")

def work():
    note("starts")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG(
    "calls", start_date=datetime(2024, 1, 1), schedule=None,
    on_success_callback=lambda context: note("calls"),
):
    PythonOperator(task_id="t", python_callable=work)
"""


def test_a_callback_waits_for_a_database_that_takes_its_connection(home, tenant, wait_until):
    home.dag("calls", CALLS_BACK)
    home.run("dags", "trigger", "calls", "-r", "r")
    calls = home.folder / "calls"
    with home.scheduler() as scheduler:
        wait_until(lambda: "x" in starts(home), "the task to begin")
        tenant.execute("ALTER ROLE {name} CONNECTION LIMIT 0")  # those that there are stay
        (home.folder / "gate").touch()
        wait_until(lambda: told(scheduler, "callbacks wait, since none can be"), "it to wait")
        assert not calls.exists()
        tenant.execute("ALTER ROLE {name} CONNECTION LIMIT -1")
        ended = "SELECT error FROM callback_request WHERE ended_us IS NOT NULL"
        wait_until(lambda: tenant.execute(ended) == [(None,)], "the callback to be recorded")

    assert calls.read_text() == "x\n"
    assert "Traceback" not in scheduler.output()


HOSTED = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator
with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="t", python_callable=lambda: None)
"""


def test_a_task_host_that_cannot_start_is_told_once_and_starts_in_the_end(
    tenant, make_hosted, wait_until, caplog, capfd
):
    hosted = make_hosted(HOSTED, **{SETTING: tenant.url})
    token = hosted.queue("t")
    tenant.execute("ALTER ROLE {name} CONNECTION LIMIT 0")
    hosted.start()
    pids = set()
    wait_until(lambda: pids.add(hosted.host.pid) or len(pids) > 3, "it to be started again")
    tenant.execute("ALTER ROLE {name} CONNECTION LIMIT -1")
    hosted.host.run(hosted.command("t", token).words())
    hosted.wait(token)

    assert hosted.row("t").state == "success"
    (line,) = [line for line in caplog.messages if "too many connections for role" in line]
    assert line.startswith("its task host cannot start: The metadata database ")
    assert line.endswith("; it is tried again until it can")
    assert "too many connections for role" not in capfd.readouterr().err
    assert "is gone" not in caplog.text

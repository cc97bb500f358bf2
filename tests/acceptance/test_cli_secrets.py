"""No command shows a secret, and none is written: all that is left of a home is searched."""

from __future__ import annotations

import pytest

CANARY = "hunter2-canary"
DAG = """
import os, subprocess
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator, Variable, mask_secret

def show(password):
    mask_secret("made-" + "here")
    print("shown", password, "made-here")
    raise ValueError("cannot log in with " + password)

def called_back(context):
    print("called back", Variable.get("db_password"), context["exception"])

def run_ended(context):
    print("run ended", Variable.get("db_password"))
    subprocess.run(["bash", "-c", "echo of a program $AIRFLOW_VAR_DB_PASSWORD"], check=True)
    raise ValueError("no mail with " + Variable.get("db_password"))

with DAG(
    "secret", start_date=datetime(2024, 1, 1), schedule=None, on_failure_callback=run_ended
):
    PythonOperator(
        task_id="python", python_callable=show, on_failure_callback=called_back,
        op_kwargs={"password": "{{ var.value.db_password }}"},
    )
    BashOperator(task_id="bash", bash_command="env; echo {{ conn.db.password }}")
"""
BROKEN = """
from airflow_lite import DAG, Variable
raise ValueError("not with " + Variable.get("db_password"))
"""


@pytest.fixture
def secret_home(home):
    home.dag("secret", DAG)
    home.dag("broken", BROKEN)
    home.environ["AIRFLOW_VAR_DB_PASSWORD"] = CANARY
    home.environ["AIRFLOW_CONN_DB"] = f"http://me:{CANARY}@host"
    return home


@pytest.fixture
def home_with_stored_secrets(home):
    """The same, with both in the metadata database."""
    home.dag("secret", DAG)
    home.dag("broken", BROKEN)
    home.run("variables", "set", "db_password", CANARY)
    shown(home.run("connections", "add", "db", "--conn-uri", f"http://me:{CANARY}@host"))
    assert holders(home.folder) == []
    return home


def shown(done):
    assert CANARY not in done.stdout + done.stderr
    return done.stdout


def holders(folder):
    """Return the files below a folder that hold the secret, or what the task made one."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".py"]
    texts = {path.name: path.read_bytes() for path in files}
    return [name for name, data in texts.items() if CANARY.encode() in data or b"made-h" in data]


def callback_log(home):
    return "".join(path.read_text() for path in home.folder.rglob("callbacks.log"))


def test_a_scheduler_writes_no_secret_and_listings_show_none(secret_home, wait_until):
    with secret_home.scheduler() as scheduler:
        secret_home.run("dags", "trigger", "secret", "-r", "r", "--wait", exit_code=1)
        for line in ("run ended ***", "no mail with ***", "of a program ***\n"):
            wait_until(lambda line=line: line in callback_log(secret_home), line)
        output = scheduler.output()
    assert CANARY not in output

    log = shown(secret_home.run("tasks", "logs", "secret", "python", "r"))
    assert "shown *** ***" in log
    assert "called back *** " in log
    assert "cannot log in with ***" in shown(
        secret_home.run("tasks", "history", "secret", "python", "r")
    )
    assert "AIRFLOW_VAR_DB_PASSWORD=***" in shown(
        secret_home.run("tasks", "logs", "secret", "bash", "r")
    )
    assert "not with ***" in shown(secret_home.run("dags", "list-import-errors", exit_code=1))
    # That of the password's XCom: bash_command's last line is the task's result, as it is.
    assert [
        name for name in holders(secret_home.folder) if not name.startswith("airflow_lite.db")
    ] == []


def test_secrets_of_the_store_are_shown_and_written_nowhere_either(
    home_with_stored_secrets, wait_until
):
    home = home_with_stored_secrets
    with home.scheduler() as scheduler:
        home.run("dags", "trigger", "secret", "-r", "r", "--wait", exit_code=1)
        for line in ("run ended ***", "no mail with ***"):
            wait_until(lambda line=line: line in callback_log(home), line)
        output = scheduler.output()
    assert CANARY not in output
    log = shown(home.run("tasks", "logs", "secret", "python", "r"))
    assert "shown *** ***" in log
    assert "called back *** " in log
    assert "not with ***" in shown(home.run("dags", "list-import-errors", exit_code=1))
    # That of the password's XCom: bash_command's last line is the task's result, as it is.
    assert [name for name in holders(home.folder) if not name.startswith("airflow_lite.db")] == []
    done = home.run("dags", "test", "secret", "2024-01-01", exit_code=1)
    assert "cannot log in with ***" in shown(done) + done.stderr


def test_a_run_in_the_terminals_process_shows_no_secret(secret_home):
    done = secret_home.run("dags", "test", "secret", "2024-01-01", exit_code=1)
    assert "cannot log in with ***" in shown(done) + done.stderr

    done = secret_home.run("tasks", "test", "secret", "python", "2024-01-01", exit_code=1)
    assert "shown *** ***" in shown(done)
    done = secret_home.run("tasks", "render", "secret", "python", "2024-01-01")
    assert "***" in shown(done)


def test_a_triggered_run_is_shown_without_the_secrets_of_its_conf(secret_home):
    conf = f'{{"api_token": "{CANARY}", "city": "Lyon"}}'
    done = secret_home.run("dags", "trigger", "secret", "--conf", conf, "-o", "json")

    assert "Lyon" in shown(done)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://u:x@127.0.0.1:1/d?password={CANARY}",
        f"postgresql+psycopg://127.0.0.1:1/d?user=u&password={CANARY}",
        f"postgresql+psycopg://u:{CANARY}@127.0.0.1:1/d",
        f"sqlite:///rel.db?key={CANARY}",
        f"nonsense://u:{CANARY}@h/d",
    ],
)
def test_neither_listing_nor_error_shows_the_password_of_a_url(home, url):
    home.environ["AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"] = url

    assert "***" in shown(home.run("config", "list"))
    shown(home.run("dags", "list", exit_code=1))
    shown(home.run("info", exit_code=None))

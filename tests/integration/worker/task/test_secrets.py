"""What a task knows as secret is masked in its log, its rendered fields and its error."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from fixtures.hosted import TASK_DECORATOR

CANARY = "hunter2-canary"

_DAG = f"""
import os, subprocess, sys, logging, threading
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator, Variable, mask_secret
from airflow_lite import get_current_context
{TASK_DECORATOR}

def shell(command, **options):
    subprocess.run(["bash", "-c", command], check=True, **options)

@task()
def prints():
    from airflow_lite import get_current_context
    get_current_context()["conn"].db
    print("print", "{CANARY}")
    sys.stderr.write("stderr {CANARY}\\n")
    sys.stdout.buffer.write(b"raw hunter2-"); sys.stdout.buffer.write(b"canary\\n")
    logging.info("log %s", "{CANARY}")
    print({{"user": "me", "key": "{CANARY}"}})

@task()
def starts_processes():
    shell("echo $AIRFLOW_CONN_DB; echo -n hunter2-; sleep 0.2; echo canary")

@task()
def fails():
    raise ValueError("no login with {CANARY}")

@task()
def dies():
    os.write(2, b"last words {CANARY}\\n")
    os.kill(os.getpid(), 9)

@task()
def masks_its_own():
    made = "made-" + "at-run-time"
    mask_secret(made)
    shell(f"echo one {{made}}")
    mask_secret({{"token": made[::-1]}})
    shell(f"echo two {{made[::-1]}}")

@task()
def masks_in_threads():
    names = [f"secret-number-{{number}}" for number in range(20)]
    def mask(name):
        mask_secret(name)
        shell(f"echo {{name}}")
    threads = [threading.Thread(target=mask, args=[name]) for name in names]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

@task()
def many_lines():
    key = "-----BEGIN KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END KEY-----"
    mask_secret(key)
    print(key)
    for line in key.splitlines():
        print("line", line)
    shell(f"echo '{{key}}'")

@task(op_kwargs={{"password": "of-the-argument", "city": "Lyon"}})
def named_argument(password, city):
    print(city, password)

@task(op_args=[{{"nested": {{"api_key": "of-the-list"}}}}, "{CANARY}"])
def listed(value, text):
    return value

@task()
def shows_conf():
    print("conf", get_current_context()["dag_run"].conf["db_password"])

@task()
def pulls(ti=None):
    ti.xcom_push("token", "of-the-xcom")
    print("token", "of-the-xcom")

mask_secret("of-the-file")

@task()
def of_the_file():
    shell("echo of-the-file")

BashOperator(
    task_id="bash", dag=dag, bash_command="echo $DB_PASSWORD", env={{"DB_PASSWORD": "of-the-env"}}
)
"""


@pytest.fixture
def hosted(make_hosted):
    made = make_hosted(_DAG, AIRFLOW_CONN_DB=f"postgresql://me:{CANARY}@host/db")
    made.conf = {"db_password": "of-the-conf"}
    made.start()
    return made


def rendered(hosted, task_id):
    from airflow_lite.store import schema

    ti, fields = schema.task_instance, schema.rendered_fields
    query = sa.select(fields.c.fields).join(ti, ti.c.id == fields.c.task_instance_id)
    with hosted.store.read() as connection:
        return json.loads(connection.execute(query.where(ti.c.task_id == task_id)).scalar())


@pytest.mark.parametrize(
    "task_id", ["prints", "starts_processes", "fails", "dies", "masks_its_own", "many_lines"]
)
def test_no_secret_is_in_the_log(hosted, task_id):
    hosted.finish(task_id)

    log = hosted.log(task_id)
    assert "***" in log
    for secret in (CANARY, "made-at", "emit-nur", "MIIE", "END KEY"):
        assert secret not in log


def test_a_secret_is_masked_in_what_is_printed_logged_and_written_as_bytes(hosted):
    hosted.finish("prints")

    log = hosted.log("prints")
    for line in ("INFO - print ***", "WARNING - stderr ***", "raw ***", "INFO - log ***"):
        assert line in log
    assert "{'user': 'me', 'key': '***'}" in log


def test_a_secret_is_masked_that_came_from_a_process_in_two_pieces(hosted):
    hosted.finish("starts_processes")

    assert hosted.log("starts_processes").count("***") == 2
    assert "postgresql://me:***@host/db" in hosted.log("starts_processes")


def test_the_error_of_a_task_is_masked_where_it_is_recorded(hosted):
    token = hosted.give("fails")
    hosted.wait(token)

    assert hosted.attempt(token).cause == "ValueError: no login with ***"


def test_what_a_thread_masks_is_masked_in_what_it_starts_next(hosted):
    hosted.finish("masks_in_threads")

    assert "secret-number" not in hosted.log("masks_in_threads")
    assert hosted.log("masks_in_threads").count("***") == 20


@pytest.mark.parametrize(
    ("task_id", "secret"),
    [
        ("named_argument", "of-the-argument"),
        ("listed", "of-the-list"),
        ("shows_conf", "of-the-conf"),
        ("pulls", "of-the-xcom"),
        ("of_the_file", "of-the-file"),
        ("bash", "of-the-env"),
    ],
)
def test_what_goes_by_a_sensitive_name_is_masked(hosted, task_id, secret):
    hosted.finish(task_id)

    assert "***" in hosted.log(task_id)
    assert secret not in hosted.log(task_id)


def test_rendered_fields_are_stored_without_secrets(hosted):
    for task_id in ("named_argument", "listed", "bash"):
        hosted.finish(task_id)

    assert rendered(hosted, "named_argument")["op_kwargs"] == {"password": "***", "city": "Lyon"}
    assert rendered(hosted, "listed")["op_args"] == [{"nested": {"api_key": "***"}}, "***"]
    assert rendered(hosted, "bash")["env"] == {"DB_PASSWORD": "***"}


def test_a_task_gets_its_values_as_they_are(hosted):
    hosted.finish("listed")

    assert hosted.xcoms("listed")["return_value"] == {"nested": {"api_key": "of-the-list"}}

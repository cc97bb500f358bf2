"""BashOperator, against what Airflow 2.10.5 answered."""

from __future__ import annotations

import logging
import os
import signal
import threading

import pytest

from airflow_lite import DAG, AirflowException, AirflowSkipException, BashOperator
from airflow_lite.authoring.render import render_fields
from airflow_lite_testing.processes import is_alive


@pytest.fixture
def run(make_context, tmp_path):
    def execute(command, **options):
        with DAG("d", schedule=None) as dag:
            dag.fileloc = str(tmp_path / "dag.py")
            task = BashOperator(task_id="t", bash_command=command, **options)
        context = make_context(task)
        render_fields(task, context)
        return task.execute(context)

    return execute


@pytest.mark.parametrize(
    ("command", "options", "wanted"),
    [
        ("echo a; echo b", {}, "b"),
        ("echo a; echo", {}, ""),
        ("printf '  x  \\n'", {}, "  x"),
        ("true", {}, ""),
        ("echo out; echo err >&2", {}, "err"),
        ("printf '\\xff\\xfe\\n'", {}, "\\xff\\xfe"),
        ("printf '\\xe4\\n'", {"output_encoding": "latin-1"}, "ä"),
        ("false | true", {}, ""),
        ("echo 41", {"output_processor": lambda text: int(text) + 1}, 42),
        ("echo {{ ds }}", {}, "2024-02-29"),
        ("echo $MINE-$OUTER", {"env": {"MINE": "{{ ds }}"}}, "2024-02-29-"),
        ("echo $MINE-$OUTER", {"env": {"MINE": "m"}, "append_env": True}, "m-outer"),
        ("echo $OUTER", {}, "outer"),
        ("pwd", {"cwd": "/usr/lib"}, "/usr/lib"),
        ("read line; echo got-$line", {}, "got-"),
    ],
)
def test_the_last_line_is_the_xcom(run, monkeypatch, command, options, wanted):
    monkeypatch.setenv("OUTER", "outer")

    assert run(command, **options) == wanted


def test_the_command_knows_its_task(run):
    names = run("env | sort | grep -o '^AIRFLOW_CTX_[A-Z_]*' | tr '\\n' ' '").split()

    assert names == [
        f"AIRFLOW_CTX_{name}"
        for name in ("DAG_ID", "DAG_OWNER", "DAG_RUN_ID", "EXECUTION_DATE", "TASK_ID", "TRY_NUMBER")
    ]
    assert (
        run("echo $AIRFLOW_CTX_DAG_ID $AIRFLOW_CTX_EXECUTION_DATE", env={})
        == "d 2024-02-29T12:00:00+00:00"
    )


@pytest.mark.parametrize(
    ("command", "options", "error", "message"),
    [
        ("exit 1", {}, AirflowException, "The command returned a non-zero exit code 1."),
        ("kill -9 $$", {}, AirflowException, "non-zero exit code -9"),
        ("exit 99", {}, AirflowSkipException, "exit code 99. Skipping."),
        ("exit 99", {"skip_on_exit_code": None}, AirflowException, "non-zero exit code 99"),
        ("exit 3", {"skip_on_exit_code": [3, 4]}, AirflowSkipException, "exit code 3"),
        ("exit 3", {"skip_exit_code": 3}, AirflowSkipException, "exit code 3"),
        (
            "true",
            {"cwd": "/no/such/folder"},
            AirflowException,
            "Can not find the cwd: /no/such/folder",
        ),
        (
            "true",
            {"cwd": "/etc/passwd"},
            AirflowException,
            "The cwd /etc/passwd must be a directory",
        ),
        ("missing.sh ", {}, AirflowException, "non-zero exit code 127"),
    ],
)
def test_how_a_command_fails(run, command, options, error, message):
    with pytest.raises(AirflowException, match=message) as caught:
        run(command, **options)
    assert type(caught.value) is error


def test_a_script_file_is_a_template(run, tmp_path):
    (tmp_path / "script.sh").write_text("echo from {{ ds }}\n")

    assert run("script.sh") == "from 2024-02-29"


def test_without_bash_the_task_says_so(run, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(AirflowException, match="There is no bash on this machine's PATH"):
        run("true")


def test_each_command_has_a_folder_of_its_own_that_goes_away(run):
    folder = run("touch x; pwd")

    assert not os.path.exists(folder)


def test_killing_reaches_a_command_that_ignores_sigterm(make_context, monkeypatch):
    monkeypatch.setattr("airflow_lite.authoring.operators.programs._GRACE_S", 0.2)
    with DAG("d", schedule=None):
        task = BashOperator(
            task_id="t", bash_command="trap '' TERM; echo 1; while true; do sleep 1000; done"
        )

    def interrupt(record):
        if record.getMessage() == "1":
            raise KeyboardInterrupt

    task.log.setLevel(logging.INFO)
    task.log.addFilter(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            task.execute(make_context(task))
    finally:
        task.log.removeFilter(interrupt)
        task.log.setLevel(logging.NOTSET)
    assert task._process
    assert task._process.returncode == -signal.SIGKILL


class FirstNumber(logging.Handler):
    """Calls `act` in a thread of its own when a line of output is a number, which it keeps."""

    def __init__(self, act):
        super().__init__()
        self.act = act
        self.number = 0

    def emit(self, record):
        if record.getMessage().isdigit():
            self.number = int(record.getMessage())
            threading.Thread(target=self.act).start()


def test_killing_the_task_ends_all_that_it_started(make_context, wait_until):
    with DAG("d", schedule=None):
        task = BashOperator(task_id="t", bash_command="sleep 1000 & echo $!; wait")
    handler = FirstNumber(task.on_kill)
    task.log.setLevel(logging.INFO)
    task.log.addHandler(handler)
    try:
        with pytest.raises(AirflowException, match=f"non-zero exit code -{signal.SIGTERM.value}"):
            task.execute(make_context(task))
    finally:
        task.log.removeHandler(handler)
        task.log.setLevel(logging.NOTSET)

    wait_until(lambda: not is_alive(handler.number), "the end of the command's own child")

"""What an executor adds to a log: it is told all of its task instance, and harms no line of it."""

from __future__ import annotations

import pytest

from airflow_lite.cli.main import run
from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.reading import task_log
from airflow_lite.plugins import executor_log
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from airflow_lite.worker.task_log.paths import open_for_writing
from fixtures.store_rows import add_dag, add_run

TASK = TaskSpec("t", queue="big", pool_slots=2, executor_config={"a": 1})
SPEC = DagSpec("d", tasks={"t": TASK})
SOURCE = """
import os, sys, time
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass
    def get_task_log(self, ti, try_number):
{body}
"""
TELL = (
    "return [f'{ti.external_executor_id} {ti.hostname} {ti.executor_config} {ti.queue}'"
    " f' {ti.pool_slots} {ti.try_number} {ti.attempt[:1]} {ti.state} {ti.executor}'], []"
)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A home with DAG d and its running run r; try 2 of its task t runs as job-42 on node-2."""
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    opened = open_store(Config(tmp_path))
    with opened.begin() as connection:
        add_run(connection, SPEC, add_dag(connection, SPEC), at_us=1, state="running")
        row = {"state": "running", "external_executor_id": "job-42", "hostname": "node-2"}
        connection.execute(
            schema.task_instance.update().values(
                try_number=2, attempt="2" * 32, executor="Far", **row
            )
        )
        instance_id = connection.execute(schema.task_instance.select()).one().id
        earlier = {"token": "1" * 32, "try_number": 1, "hostname": "node-1", "outcome": "failed"}
        connection.execute(
            schema.attempt.insert().values(
                task_instance_id=instance_id, queued_us=1, executor="Near", **earlier
            )
        )
    yield opened
    opened.close()


@pytest.fixture
def logs_of(store, site, tmp_path, monkeypatch, capsys):
    """Show the log of a try, "said", with an executor whose `get_task_log` has this body."""
    monkeypatch.setenv("AIRFLOW_LITE__CORE__EXECUTOR", "own_logs.Own")

    def shown(body, try_number=2, *, is_here=True):
        source = SOURCE.format(body=f"        {body}")
        (site.directory / "own_logs.py").write_text(source)
        key = TaskInstanceKey("d", "t", "r", try_number)
        if is_here:
            with open(open_for_writing(tmp_path / "logs", key), "wb") as file:
                file.write(b"said\n")
        assert run(["tasks", "logs", "d", "t", "r", "--try-number", str(try_number)]) == 0
        return capsys.readouterr().out.splitlines()

    return shown


@pytest.fixture
def patient(monkeypatch):
    """Let the file wait for the executor however busy this machine is."""
    monkeypatch.setattr(task_log, "_HOLD_S", 600.0)


def test_an_executor_is_told_all_that_the_row_has(logs_of, patient):
    assert logs_of(TELL) == ["*** job-42 node-2 {'a': 1} big 2 2 2 running Far", "said"]


def test_of_an_earlier_try_an_executor_is_told_nothing_of_the_newer_one(logs_of, patient):
    told = "*** None node-1 {'a': 1} big 2 1 1 failed Near"
    assert logs_of(TELL, try_number=1) == [told, "said"]


def test_texts_of_an_executor_stand_below_the_file(logs_of, patient):
    assert logs_of("return ['here'], ['a\\nb', 'c']") == ["*** here", "said", "a", "b", "c"]


def test_no_other_machine_is_asked_for_what_the_executor_tells(logs_of):
    assert logs_of("return ['here'], ['a']", 1, is_here=False) == ["*** here", "a"]


def test_where_the_executor_has_no_text_the_machine_is_asked(logs_of):
    first, second, *_ = logs_of("return ['gone'], []", 1, is_here=False)
    assert first == "*** gone"
    assert second.startswith("*** The log on node-1 could not be read")


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("raise OSError('gone')", "OSError: gone"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("return None", "TypeError: cannot unpack non-iterable NoneType object"),
        ("os._exit(3)", "its get_task_log ended the process with exit code 3"),
        ("os.kill(os.getpid(), 11)", "its get_task_log ended the process by SIGSEGV"),
    ],
)
def test_trouble_of_an_executor_is_a_message(logs_of, patient, body, trouble):
    assert logs_of(body) == [f"*** own_logs.Own could not add to the log: {trouble}", "said"]


def test_an_executor_that_hangs_holds_the_file_no_longer_than_a_moment(logs_of, monkeypatch):
    monkeypatch.setattr(task_log, "_HOLD_S", 0.01)
    monkeypatch.setattr(executor_log.ask, "__defaults__", (0.2,))
    told = "*** own_logs.Own could not add to the log: its get_task_log took longer than 0.2 s"
    assert logs_of("time.sleep(1000)") == ["said", told]


def test_an_executor_that_cannot_be_loaded_is_named(logs_of, patient):
    first, *rest = logs_of("pass\nraise OSError('no such cluster')")
    assert first.startswith("*** own_logs.Own could not add to the log: ConfigError: ")
    assert "no such cluster" in first
    assert rest == ["said"]


def test_an_executor_without_logs_of_its_own_is_not_asked(store, site, tmp_path, monkeypatch):
    source = SOURCE.format(body="        pass").partition("    def get_task_log")[0]
    (site.directory / "silent.py").write_text(source)
    config = Config(tmp_path, {}, overrides={("core", "executor"): "silent.Own"})
    assert not executor_log.tells_logs(config)
    assert not executor_log.tells_logs(Config(tmp_path))

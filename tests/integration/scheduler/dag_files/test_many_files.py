"""A folder of many files costs what has changed in it: no file twice, no statement a file."""

from __future__ import annotations

import os

import pytest

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.scheduler.dag_files.now import process_now
from airflow_lite.scheduler.dag_files.scan import DagFileProcessor
from airflow_lite.store.engine import open_store
from fixtures.query_plans import recorded_statements

COUNT = 120
SOURCE = (
    "from airflow_lite import DAG, EmptyOperator\n"
    "with DAG('dag_{number}', schedule=None):\n    EmptyOperator(task_id='{task}')\n"
)


@pytest.fixture
def config(tmp_path):
    home = tmp_path / "home"
    for number in range(COUNT):
        write(home, number)
    environ = {"PATH": os.environ["PATH"], "AIRFLOW_LITE_HOME": str(home)}
    return Config(home=home, environ=environ)


@pytest.fixture
def statements(config):
    """The statements of a store in which all files are, as they come."""
    store = open_store(config)
    assert len(process_now(config, store)) == COUNT
    with recorded_statements(store) as seen:
        yield store, seen
    store.close()


def write(home, number, task="a"):
    folder = home / "dags" / f"team_{number % 7}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"file_{number}.py").write_text(SOURCE.format(number=number, task=task))


def selects(seen):
    return [text for text, _ in seen if not text.startswith(("BEGIN", "PRAGMA"))]


def test_a_look_at_unchanged_files_takes_one_statement(config, statements):
    store, seen = statements
    scan = DagFileProcessor(config, store, SystemClock()).scan()
    assert (scan.changed, scan.gone, len(selects(seen))) == ((), (), 1)


def test_one_changed_file_among_many_is_parsed_alone(config, statements):
    store, seen = statements
    write(config.home, 5, task="b")
    (saved,) = process_now(config, store)
    assert saved.changed == ("dag_5",)
    assert len(selects(seen)) < 20


def test_who_asks_for_one_dag_looks_at_its_file_alone(config, statements):
    store, seen = statements
    write(config.home, 5, task="b")
    assert process_now(config, store, "dag_6") == []
    assert len(selects(seen)) == 2

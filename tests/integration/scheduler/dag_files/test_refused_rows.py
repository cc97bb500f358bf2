"""A DAG file of which the database refuses a row has an import error; the others are saved."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.scheduler.dag_files.now import process_now
from airflow_lite.store import dags
from airflow_lite.store.engine import open_store
from fixtures.databases import SETTING
from fixtures.homes import Home
from fixtures.store_rows import refuse_rows

FILE = """
import warnings
from datetime import datetime
from airflow_lite import DAG, EmptyOperator

warnings.warn("odd")
with DAG("NAME", start_date=datetime(2024, 1, 1), schedule=None):
    EmptyOperator(task_id="t")
"""
NAMES = ["a", "bad", "c"]


@pytest.fixture(params=["sqlite", "postgresql"])
def files(tmp_path, request):
    """A home with three DAG files, its configuration and its store."""
    environ = {}
    if request.param == "postgresql":
        environ[SETTING] = request.getfixturevalue("made_postgres")()
    home = Home(tmp_path / "home", environ)
    for name in NAMES:
        home.dag(name, FILE.replace("NAME", name))
    config = Config.load(home.environ)
    store = open_store(config)
    yield home, config, store
    store.close()


@pytest.mark.parametrize(
    ("table", "condition"),
    [
        ("dag", "NEW.dag_id = 'bad'"),
        ("dag_version", "NEW.dag_id = 'bad'"),
        ("dag_file", "NEW.path = 'bad.py' AND NEW.warnings <> '[]'"),
    ],
)
def test_a_file_that_cannot_be_saved_has_an_import_error_and_no_other(files, table, condition):
    home, config, store = files
    refuse_rows(store, table, condition)
    saved = {file.path: file for file in process_now(config, store)}

    assert sorted(saved) == [str(home.dags / f"{name}.py") for name in NAMES]
    error = saved[str(home.dags / "bad.py")].error
    assert str(error).startswith("the metadata database does not take what it holds: ")
    with store.read() as connection:
        broken = dags.import_errors(connection)
    assert [(file.path, file.error) for file in broken] == [("bad.py", error)]
    listed = [row["dag_id"] for row in home.json("dags", "list")]
    assert listed == ["a", "c"]


def test_a_file_whose_path_is_refused_is_told_and_keeps_back_no_other(files, caplog):
    home, config, store = files
    refuse_rows(store, "dag_file", "NEW.path = 'bad.py'")
    process_now(config, store)

    told = [line for line in caplog.messages if " cannot be saved: " in line]
    assert [line.partition(" ")[0] for line in told] == [str(home.dags / "bad.py")]
    with store.read() as connection:
        assert {file.path for file in dags.known_files(connection)} == {"a.py", "c.py"}

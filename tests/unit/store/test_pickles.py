"""Pickled DAGs in the store: signed when saved, kept for as long as attempts may name them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

import airflow_lite
from airflow_lite.config import Config
from airflow_lite.parsing.pickled import layout
from airflow_lite.parsing.pool import FileResult
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import dag_saving, edits, pickles
from airflow_lite.store.engine import Store, open_store
from airflow_lite.store.schema import dag, dag_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Config(home=tmp_path))
    yield opened
    opened.close()


def sign(dag_id: str, version_id: int, payload: bytes) -> str:
    return f"{dag_id}/{version_id}/{payload.decode()}"


def save(store, payload, *, task="a", now_us=7, error=None, by=sign):
    spec = DagSpec("d", tasks={task: TaskSpec(task)})
    found = {} if payload is None else {"d": payload}
    result = FileResult("/d/a.py", "1", () if error else (spec,), error, pickles=found)
    with store.begin() as connection:
        (saved,) = dag_saving.save_results(connection, [result], now_us, sign=by)
    return saved


def row(store):
    with store.read() as connection:
        return connection.execute(sa.select(dag)).mappings().one()


def ids(store):
    with store.read() as connection:
        return list(connection.execute(sa.select(dag_pickle.c.id)).scalars())


def test_a_pickle_is_saved_with_its_signature_and_the_dag_names_it(store):
    save(store, b"one")
    found = row(store)
    with store.read() as connection:
        pickle = pickles.get(connection, found["pickle_id"])
    assert pickle == pickles.Pickle(
        found["pickle_id"], "d", found["version_id"], pickles.PYTHON, b"one",
        f"d/{found['version_id']}/one",
    )  # fmt: skip
    assert found["last_pickled_us"] == 7


def test_nothing_is_saved_unless_something_signs(store):
    save(store, b"one", by=None)
    assert row(store)["pickle_id"] is None
    assert ids(store) == []


def test_the_same_pickle_is_not_saved_twice(store):
    save(store, b"one")
    saved = save(store, b"one", now_us=8)
    assert saved.changed == ()
    assert len(ids(store)) == 1
    assert row(store)["last_pickled_us"] == 7


def test_other_code_with_the_same_spec_is_a_change_and_another_pickle(store):
    save(store, b"one")
    before = row(store)
    saved = save(store, b"two")
    after = row(store)
    assert saved.changed == ("d",)
    assert after["version_id"] == before["version_id"]
    assert after["pickle_id"] > before["pickle_id"]
    assert after["row_version"] > before["row_version"]


def test_the_same_pickle_is_signed_anew_for_a_new_version(store):
    save(store, b"one")
    save(store, b"one", task="b")
    found = row(store)
    with store.read() as connection:
        pickle = pickles.get(connection, found["pickle_id"])
        assert pickle
        assert pickle.version_id == found["version_id"]


def test_a_dag_that_is_not_pickled_any_more_is_run_from_its_file(store):
    save(store, b"one")
    assert save(store, None).changed == ("d",)
    assert row(store)["pickle_id"] is None
    save(store, b"one")
    assert save(store, b"one", by=None).changed == ("d",)
    assert row(store)["pickle_id"] is None


def test_a_file_with_an_error_leaves_the_pickle_as_it_was(store):
    save(store, b"one")
    save(store, None, error="broken")
    assert row(store)["pickle_id"] == ids(store)[0]


def test_a_pickle_is_kept_for_a_day_after_another_took_its_place(store):
    save(store, b"one", now_us=0)
    save(store, b"two", now_us=10 * DAY_US)
    save(store, b"three", now_us=11 * DAY_US)
    assert len(ids(store)) == 3
    save(store, b"four", now_us=11 * DAY_US + 1)
    assert len(ids(store)) == 3  # the second took the place of the first a day ago


def test_deleting_a_dag_deletes_its_pickles(store):
    save(store, b"one")
    with store.begin() as connection:
        edits.delete_dag(connection, "d")
    assert ids(store) == []


def test_dags_are_pickled_again_once_the_classes_that_pickles_name_lie_elsewhere(
    tmp_path, monkeypatch
):
    before = pickles.pickled_by(sign)
    package = Path(airflow_lite.__file__).parent / "authoring"
    shutil.copytree(package, tmp_path / "authoring")
    (tmp_path / "authoring/operator.py").rename(tmp_path / "authoring/base_operator.py")
    monkeypatch.setattr(airflow_lite, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(pickles, "layout", layout.__wrapped__)

    after = pickles.pickled_by(sign)

    assert after != before
    assert len(after or "") <= 100, "the column holds no more"

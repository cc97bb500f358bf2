"""Many rows at once, on the database that the tests run on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam, event

from airflow_lite.config import Config
from airflow_lite.store.batches import run_many, upsert_many
from airflow_lite.store.engine import open_store
from airflow_lite.store.schema import pool

_INSERT = pool.insert().values(name=bindparam("called"), slots=bindparam("most"), description="x")
_UPDATE = (
    pool.update()
    .where(pool.c.name == bindparam("called"), pool.c.slots == bindparam("was"))
    .values(slots=sa.func.coalesce(bindparam("most", type_=sa.Integer), pool.c.slots))
)
_DELETE = pool.delete().where(pool.c.name == bindparam("called"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    environ = {"AIRFLOW_LITE_HOME": str(tmp_path)}
    if request.param == "postgresql":
        make = request.getfixturevalue("made_postgres")
        environ["AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"] = make()
    store = open_store(Config.load(environ))
    yield store
    store.close()


def slots(store):
    with store.read() as connection:
        rows = connection.execute(sa.select(pool.c.name, pool.c.slots).order_by(pool.c.name))
        return {name: count for name, count in rows if name != "default_pool"}


@pytest.fixture
def filled(store):
    rows = [{"called": name, "most": number} for number, name in enumerate("cab")]
    with store.begin() as connection:
        assert run_many(connection, _INSERT, rows) == 3
    return store


def test_rows_are_inserted(filled):
    assert slots(filled) == {"c": 0, "a": 1, "b": 2}


def test_only_rows_that_are_as_they_were_seen_are_changed_and_counted(filled):
    rows = [
        {"called": "c", "was": 0, "most": 9},
        {"called": "a", "was": 7, "most": 9},
        {"called": "b", "was": 2, "most": None},
    ]
    with filled.begin() as connection:
        assert run_many(connection, _UPDATE, rows) == 2
    assert slots(filled) == {"c": 9, "a": 1, "b": 2}


def test_a_row_alone_is_changed_only_if_it_is_as_it_was_seen(filled):
    for row, changed in (
        ({"called": "c", "was": 0, "most": 9}, 1),
        ({"called": "a", "was": 7, "most": 9}, 0),
        ({"called": "b", "was": 2, "most": None}, 1),
    ):
        with filled.begin() as connection:
            assert run_many(connection, _UPDATE, [row]) == changed
    assert slots(filled) == {"c": 9, "a": 1, "b": 2}


def test_rows_are_deleted_by_what_names_them(filled):
    with filled.begin() as connection:
        assert run_many(connection, _DELETE, [{"called": "a"}, {"called": "nobody"}]) == 1
    assert slots(filled) == {"c": 0, "b": 2}


def test_of_several_rows_with_one_key_the_last_is_written(store):
    rows = [{"name": "p", "slots": number, "description": ""} for number in (1, 2, 3)]
    with store.begin() as connection:
        upsert_many(connection, pool, rows, changed=("slots",))
        upsert_many(connection, pool, rows[:2], changed=("slots",))
    assert slots(store) == {"p": 2}


@pytest.mark.parametrize("count", [1, 2])
def test_a_text_that_is_too_long_for_its_column_is_never_cut(store, count):
    with store.begin() as connection:
        rows = [{"called": f"{number}" + "x" * 299, "most": 1} for number in range(count)]
        if store.is_sqlite:
            run_many(connection, _INSERT, rows)
        else:
            with pytest.raises(sa.exc.DataError, match="too long"), connection.begin_nested():
                run_many(connection, _INSERT, rows)
    assert all(len(name) == 300 for name in slots(store))


def test_a_batch_is_one_statement_on_postgresql(made_postgres, tmp_path):
    environ = {"AIRFLOW_LITE_HOME": str(tmp_path)}
    environ["AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"] = made_postgres()
    store = open_store(Config.load(environ))
    seen = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, parameters, _context, executemany):
        seen.append((statement.split()[0], executemany))

    with store.begin() as connection:
        seen.clear()
        run_many(connection, _INSERT, [{"called": str(n), "most": n} for n in range(100)])
    store.close()
    assert seen == [("INSERT", False)]

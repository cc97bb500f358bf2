"""Statements as text: what each database is sent, and that the host's name columns as they are."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from airflow_lite.config import Config
from airflow_lite.store import queued, schema
from airflow_lite.store.engine import open_store
from airflow_lite.store.lean import open_lean
from airflow_lite.store.row_types import ColumnType
from airflow_lite.store.statement import Statement, array_of, read, write
from fixtures.databases import SETTING

UPDATE = Statement("""
    UPDATE pool SET slots=:slots::INTEGER WHERE pool.name = :name::TEXT AND pool.slots = 5
""")
INSERT = Statement("""
    INSERT INTO pool (name, slots) VALUES (:name::TEXT, :slots::INTEGER)
    ON CONFLICT (name) DO UPDATE SET slots = excluded.slots
""")
DELETE = Statement("DELETE FROM pool WHERE pool.name = :name::TEXT")
SELECT = Statement("""
    SELECT pool.name, pool.slots FROM pool
    WHERE pool.name IN :names::TEXT[] AND pool.slots < :most::INTEGER
""")


@pytest.fixture(params=["sqlite", "postgresql", "lean"])
def any_store(request, tmp_path):
    """A store on each database, and one without SQLAlchemy."""
    if request.param == "sqlite":
        config = Config(tmp_path)
    else:
        config = Config.load({SETTING: request.getfixturevalue("made_postgres")()})
    with closing(open_store(config)) as store:
        if request.param != "lean":
            yield store
            return
    lean = open_lean(config, "tests")
    assert lean is not None
    with closing(lean):
        yield lean


def test_many_rows_are_one_statement_of_postgresql():
    rows = "unnest(%(slots)s::INTEGER[], %(name)s::TEXT[]) AS rows (slots, name)"
    assert UPDATE.over_arrays == (
        f"UPDATE pool SET slots=rows.slots FROM {rows}"
        " WHERE pool.name = ANY (%(name)s::TEXT[]) AND pool.name = rows.name AND pool.slots = 5"
    )
    rows = "unnest(%(name)s::TEXT[], %(slots)s::INTEGER[]) AS rows (name, slots)"
    assert INSERT.over_arrays == (
        f"INSERT INTO pool (name, slots) SELECT rows.name, rows.slots FROM {rows}"
        " ON CONFLICT (name) DO UPDATE SET slots = excluded.slots"
    )
    assert DELETE.over_arrays == (
        "DELETE FROM pool USING unnest(%(name)s::TEXT[]) AS rows (name)"
        " WHERE pool.name = ANY (%(name)s::TEXT[]) AND pool.name = rows.name"
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_are_written_and_found_alike_on_each_database(any_store, count):
    names = [f"p{number}" for number in range(count)]
    with any_store.begin() as connection:
        for slots in (4, 5):  # the second time they are there
            rows = [{"name": name, "slots": slots, "other": ()} for name in names]
            assert write(connection, INSERT, rows) == count
        assert write(connection, UPDATE, [{**row, "slots": 6} for row in rows]) == count
        assert write(connection, UPDATE, rows) == 0
        found = read(connection, SELECT, names=[*names, "none"], most=7)
        assert sorted(map(tuple, found)) == [(name, 6) for name in names]
        assert read(connection, SELECT, names=[], most=7) == []
        assert write(connection, DELETE, rows) == count


ODD = [
    "",
    "NULL",
    "null",
    "{}",
    "a,b",
    'a"b',
    "a\\b",
    "\\",
    '"',
    "a\nb\t",
    "é \u2028😀",
    " a ",
    "a'b%s",
]


def test_any_text_is_written_and_found_as_it_is(any_store):
    rows = [{"name": name, "slots": number} for number, name in enumerate(ODD)]
    with any_store.begin() as connection:
        assert write(connection, INSERT, rows) == len(ODD)
        found = read(connection, SELECT, names=ODD, most=100)
    assert dict(map(tuple, found)) == {name: number for number, name in enumerate(ODD)}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("BIGINT", [1, None, -(1 << 63), (1 << 63) - 1]),
        ("BOOLEAN", [True, None, False]),
        ("DOUBLE PRECISION", [0.1, None, 1e300, -2.5]),
        ("TEXT", [None, *ODD]),
        ("TEXT", []),
    ],
)
def test_an_array_holds_what_it_was_made_of(made_postgres, kind, values):
    with psycopg.connect(made_postgres()) as connection:
        sql = f"SELECT %s::{kind}[]"
        row = connection.execute(sql, [array_of(values)]).fetchone()
    assert row == (values,)


def test_what_a_host_looks_up_is_typed_as_the_tables_are():
    for table, columns in (
        (schema.dag_run, queued.RUN_COLUMNS),
        (schema.task_instance, queued.INSTANCE_COLUMNS),
    ):
        assert [ColumnType.of(table.c[column.name]) for column in columns] == [*columns]
    fields = [column.name for column in queued.INSTANCE_COLUMNS]
    assert [*fields, "fileloc", "run"] == [*queued.Queued.__slots__]
    assert [column.name for column in queued.RUN_COLUMNS] == [*queued.StoredRun.__slots__]

"""A store that was made at once and one that came by migrations are the same, on both databases."""

from __future__ import annotations

import re
import subprocess

import pytest

from airflow_lite.config import Config
from airflow_lite.store import migrate
from airflow_lite.store.revision import HEAD
from fixtures.databases import SETTING
from fixtures.homes import Home

#: Every revision that a released store may be at.
REVISIONS = [step.revision for step in migrate._script().walk_revisions()][::-1]

#: What PostgreSQL says of each kind of thing. Not of the order of columns: steps add theirs last.
_CATALOGUE = {
    "column": """
        SELECT table_name, column_name, data_type, character_maximum_length,
        numeric_precision, is_nullable, column_default, is_identity, is_generated
        FROM information_schema.columns WHERE table_schema = current_schema()
    """,
    "index": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
    """,
    "constraint": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid, true)
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
    """,
    "trigger": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid, true)
        FROM pg_trigger WHERE NOT tgisinternal
    """,
    "function": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
    """,
    "sequence": """
        SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by,
        cycle, cache_size FROM pg_sequences WHERE schemaname = current_schema()
    """,
    "owned": """
        SELECT objid::regclass::text, refobjid::regclass::text, refobjsubid FROM pg_depend
        WHERE deptype = 'a' AND classid = 'pg_class'::regclass
        AND refclassid = 'pg_class'::regclass AND objid::regclass::text LIKE '%seq'
    """,
    "relation": """
        SELECT relname, relkind, relpersistence, reloptions::text FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace
    """,
}
_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_PRAGMAS = {"column": "table_xinfo", "index": "index_list", "constraint": "foreign_key_list"}


@pytest.fixture(params=["sqlite", "postgresql"])
def make_config(request, tmp_path):
    """Make configurations that have an empty database each."""

    def make(name):
        environ = {"AIRFLOW_LITE_HOME": str(tmp_path / name)}
        if request.param == "postgresql":
            environ[SETTING] = request.getfixturevalue("new_postgres")()
        return Config.load(environ)

    return make


def schema_of(config):
    """Return all that the database has, in lines that two databases can be compared by."""
    with migrate.bare_store(config) as store, store.read() as connection:
        read = _of_sqlite if store.is_sqlite else _of_postgres
        return sorted(read(connection))


def _of_postgres(connection):
    for kind, query in _CATALOGUE.items():
        for row in connection.exec_driver_sql(query):
            yield f"{kind} {' | '.join(map(str, row))}"


def _of_sqlite(connection):
    for table in connection.exec_driver_sql(_SQLITE_TABLES).scalars().all():
        for kind, pragma in _PRAGMAS.items():
            for row in connection.exec_driver_sql(f"PRAGMA {pragma}('{table}')").mappings():
                yield f"{kind} {table} {_described(connection, kind, row)}"
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type <> 'table'"
    for kind, name, table, sql in connection.exec_driver_sql(query):
        yield f"{kind} {table} {name} {' '.join((sql or '').split())}"


def _described(connection, kind, row):
    values = {name: value for name, value in row.items() if name not in {"cid", "id", "seq"}}
    if kind == "index":  # one of a constraint is numbered in the order of these
        columns = connection.exec_driver_sql(f"PRAGMA index_xinfo('{values['name']}')").all()
        values["columns"] = [row[2] for row in columns]
        values["name"] = re.sub(r"^(sqlite_autoindex_.*)_\d+$", r"\1", values["name"])
    if kind == "column":  # some versions of alembic put brackets around a number
        values["dflt_value"] = re.sub(r"^\((-?\d+)\)$", r"\1", str(values["dflt_value"]))
    return values


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migrated_store_is_as_one_that_was_made_at_once(make_config, revision):
    fresh, migrated = make_config("fresh"), make_config("migrated")
    migrate.migrate(fresh)
    migrate.migrate(migrated, to=revision, use_files=True)
    migrate.migrate(migrated)

    assert schema_of(migrated) == schema_of(fresh)


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX dag_run_unfinished",
        "ALTER TABLE pool ADD COLUMN colour VARCHAR(10)",
        "DROP TRIGGER task_instance_event{of}",
        "CREATE UNIQUE INDEX more ON pool (slots) WHERE slots > 1",
    ],
)
def test_a_difference_of_two_stores_is_seen(make_config, change):
    fresh, changed = make_config("fresh"), make_config("changed")
    migrate.migrate(fresh)
    migrate.migrate(changed)
    with migrate.bare_store(changed) as store, store.begin() as connection:
        of = "" if store.is_sqlite else " ON task_instance"
        connection.exec_driver_sql(change.format(of=of))

    assert schema_of(changed) != schema_of(fresh)


def test_migrations_that_meet_on_an_old_store_upgrade_it_once(tmp_path, new_postgres):
    home = Home(tmp_path / "home", {SETTING: new_postgres()})
    migrate.migrate(Config.load(home.environ), to=REVISIONS[0], use_files=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    processes = [home.start("db", "migrate", **pipes) for _ in range(4)]
    said = sorted(
        process.communicate(timeout=120)[0].partition(home.database)[2] for process in processes
    )

    assert said == [
        f" from {REVISIONS[0]} to {HEAD}.\n",
        *[f" is at revision {HEAD} already.\n"] * 3,
    ]
    assert home.execute("SELECT version_num FROM alembic_version") == [(HEAD,)]

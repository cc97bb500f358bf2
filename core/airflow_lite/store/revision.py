"""Which revision of the tables a database has, and whether this program can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import StoreError

if TYPE_CHECKING:
    from airflow_lite.store.connection import Connection

#: The Alembic revision that `schema.metadata` stands for.
HEAD = "0010"
#: Stands in a revision's place while a store is filled by `db import`: nothing else may use it.
IMPORTING = "importing"

#: Supported databases, and the query by which each tells whether it holds a revision.
#: Not by PostgreSQL's to_regclass(): it answers from what the session remembers, which after a
#: wait for a lock may be that there is no such table.
_STAMP = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name = 'alembic_version'",
    "postgresql": (
        "SELECT tablename FROM pg_catalog.pg_tables"
        " WHERE tablename = 'alembic_version' AND schemaname = ANY (current_schemas(false))"
    ),
}
#: The databases that are supported.
DATABASES = frozenset(_STAMP)


def check_revision(revision: str | None) -> None:
    """Raise `StoreError` if a database that has tables is of another revision than `HEAD`."""
    refuse_unfinished_import(revision)
    if revision is not None and revision != HEAD:
        remedy = (
            "A newer airflow-lite made it: install that, or use another database."
            if revision > HEAD  # they are numbers of as many digits
            else "Run `airflow-lite db migrate`."
        )
        raise StoreError(
            f"The metadata database is at revision {revision}, this program needs {HEAD}. {remedy}"
        )


def refuse_unfinished_import(revision: str | None) -> None:
    """Raise `StoreError` if only a part of what `db import` writes is there."""
    if revision == IMPORTING:
        raise StoreError(
            "An import into the metadata database is not finished. Call `airflow-lite db import`"
            " with the same file again, or empty the database by `airflow-lite db reset`."
        )


def revision_of(connection: Connection) -> str | None:
    """Return the Alembic revision of the tables that a connection sees; None if there are none."""
    if not [*connection.exec_driver_sql(_STAMP[connection.dialect.name])]:
        return None
    rows = [*connection.exec_driver_sql("SELECT version_num FROM alembic_version")]
    number: str | None = rows[0][0] if rows else None
    return number

"""All rows of a store, as of one moment, into the file of an export."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.errors import StoreError
from airflow_lite.store.engine import check_revision, revision_of
from airflow_lite.store.schema import metadata
from airflow_lite.store.transfer.archive import write_archive
from airflow_lite.store.transfer.row_format import RowError, RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_lite.store.engine import Store

#: Rows that are held at once: an XCom may have a megabyte, and a DAG's spec more.
_AT_ONCE = 100


def export_rows(store: Store, path: Path) -> dict[str, int]:
    """Write every row to the file `path`; return how many each table has.

    Raises `StoreError` where there is nothing to export or a row cannot be moved, and `UserError`
    where the file cannot be written.
    """
    with _snapshot(store) as connection:
        revision = revision_of(connection)
        if revision is None:
            raise StoreError("There is nothing to export: the metadata database has no tables yet.")
        check_revision(revision)
        with write_archive(path) as archive:
            counts = {}
            for table in metadata.sorted_tables:
                row_format = RowFormat(table)
                lines = _lines(connection, row_format)
                counts[table.name] = archive.add_table(table.name, row_format.columns, lines)
            archive.finish(revision)
    return counts


@contextmanager
def _snapshot(store: Store) -> Iterator[sa.Connection]:
    """Give a connection that sees the store as it was at one moment, however long it reads."""
    if store.is_sqlite:
        with store.read() as connection:
            yield connection
        return
    with store.engine.connect() as connection:
        reader = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with reader.begin():
            # A slow disk may keep it waiting between two batches.
            reader.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield reader


def _lines(connection: sa.Connection, row_format: RowFormat) -> Iterator[bytes]:
    table, to_line = row_format.table, row_format.to_line
    query = sa.select(table).order_by(*table.primary_key.columns)
    reader = connection.execution_options(yield_per=_AT_ONCE)
    for row in reader.execute(query):
        try:
            yield to_line(row)
        except RowError as error:
            raise StoreError(
                f"{table.name} cannot be exported: {error}. Correct or delete that row."
            ) from None

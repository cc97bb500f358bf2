"""All rows of a store, as of one moment, into the file of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.errors import StoreError
from airflow_lite.store.revision import check_revision, revision_of
from airflow_lite.store.schema import metadata
from airflow_lite.store.transfer.archive import write_archive
from airflow_lite.store.transfer.row_format import RowError, RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_lite.store.engine import Store

#: Rows that are held at once, and of tables whose rows may have a megabyte or more.
_AT_ONCE, _FEW = 500, 8
_WIDE = {"callback_request", "dag_pickle", "dag_version", "rendered_fields", "xcom"}


def export_rows(store: Store, path: Path) -> dict[str, int]:
    """Write every row to the file `path`; return how many each table has.

    Raises `StoreError` where there is nothing to export or a row cannot be moved, and `UserError`
    where the file cannot be written.
    """
    with store.read() as connection:
        if not store.is_sqlite:  # a slow disk may keep it waiting between two batches
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
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


def _lines(connection: sa.Connection, row_format: RowFormat) -> Iterator[bytes]:
    table, to_line = row_format.table, row_format.to_line
    query = sa.select(table).order_by(*table.primary_key.columns)
    at_once = _FEW if table.name in _WIDE else _AT_ONCE
    reader = connection.execution_options(yield_per=at_once)
    for row in reader.execute(query):
        try:
            yield to_line(row)
        except RowError as error:
            raise StoreError(
                f"{table.name} cannot be exported: {error}. Correct or delete that row."
            ) from None

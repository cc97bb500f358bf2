"""The rows of an export, into a store that has none.

Each batch is committed with the number of the rows that are there so far, so that an import which
was killed goes on where it was. Until the end no other command can use the store: it is stamped
with `IMPORTING` in place of a revision.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.errors import StoreError, UserError
from airflow_lite.store.batches import run_many
from airflow_lite.store.engine import create, lock_schema, shown_url, write_log_back
from airflow_lite.store.faults import cause_of
from airflow_lite.store.jobs import lock_jobs
from airflow_lite.store.pools import DEFAULT_POOL
from airflow_lite.store.revision import HEAD, IMPORTING, check_revision, revision_of
from airflow_lite.store.schema import metadata, pool
from airflow_lite.store.transfer.row_format import RowError, RowFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store
    from airflow_lite.store.transfer.archive import ArchiveReader

    Rows = list[dict[str, Any]]

#: A batch ends after so many rows or bytes, whatever comes first.
_BATCH_ROWS, _BATCH_BYTES = 5_000, 4 << 20
_TABLES = metadata.sorted_tables

_progress = sa.Table(
    "import_progress",
    sa.MetaData(),
    sa.Column("table_name", sa.String(64), primary_key=True),
    sa.Column("export_digest", sa.String(64), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
)


def import_rows(
    store: Store, config: Config, archive: ArchiveReader, resumed: Callable[[int], None]
) -> dict[str, int]:
    """Write every row of an export; return how many each table has.

    Calls `resumed` with the number of rows that an import before this one has written.
    Raises `UserError` where the export or the store is not fit for it.
    """
    _check_tables(archive)
    archive.verify()
    create(store, config)
    done = _begin(store, archive)
    if any(done.values()):
        resumed(sum(done.values()))
    for table in _TABLES:
        _import_table(store, archive, table, done[table.name])
    counts = _finish(store, archive)
    if store.is_sqlite:
        write_log_back(store)
    return counts


def _check_tables(archive: ArchiveReader) -> None:
    manifest = archive.manifest
    if manifest.revision != HEAD:
        raise UserError(
            f"{archive.path} is of revision {manifest.revision[:60]!r}, this program needs {HEAD}."
            " Bring that database up to date by `airflow-lite db migrate`, and export it anew"
            " with this version of airflow-lite."
        )
    found = {name: entry.columns for name, entry in manifest.tables.items()}
    if found != {table.name: tuple(RowFormat(table).columns) for table in _TABLES}:
        raise UserError(
            f"{archive.path} has not the tables and columns of revision {HEAD}."
            " Make the export anew."
        )


def _begin(store: Store, archive: ArchiveReader) -> dict[str, int]:
    """Stamp the store; return how many rows of each table are there already."""
    with store.begin() as connection:
        lock_schema(connection)
        revision = revision_of(connection)
        if revision == IMPORTING:
            return _unfinished(connection, archive)
        check_revision(revision)
        lock_jobs(connection)  # no scheduler begins from here on
        _refuse_records(connection)
        connection.execute(pool.delete())
        _progress.create(connection)
        digest = archive.manifest.digest
        rows = [{"table_name": t.name, "export_digest": digest, "rows": 0} for t in _TABLES]
        connection.execute(_progress.insert(), rows)
        _stamp(connection, IMPORTING)
    return dict.fromkeys(archive.manifest.tables, 0)


def _unfinished(connection: sa.Connection, archive: ArchiveReader) -> dict[str, int]:
    rows = connection.execute(sa.select(_progress)).all()
    if {row.export_digest for row in rows} != {archive.manifest.digest}:
        raise UserError(
            f"An import of another export than {archive.path} is not finished. Call"
            " `airflow-lite db import` with that one, or empty the database by"
            " `airflow-lite db reset`."
        )
    return {row.table_name: row.rows for row in rows}


def _refuse_records(connection: sa.Connection) -> None:
    for table in _TABLES:
        query = sa.select(sa.literal(1)).select_from(table).limit(1)
        if table is pool:
            query = query.where(pool.c.name != DEFAULT_POOL)
        if connection.execute(query).scalar() is not None:
            raise UserError(
                f"The metadata database {shown_url(connection.engine.url)} has records already,"
                f" in {table.name}: an import needs an empty one. Name another, or empty this one"
                " by `airflow-lite db reset`."
            )


def _import_table(store: Store, archive: ArchiveReader, table: sa.Table, done: int) -> None:
    """Write the rows of a table that are not there yet."""
    if done == archive.manifest.tables[table.name].rows:
        return
    values: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in table.columns}
    insert = table.insert().values(values)
    for batch in _batches(archive, table, done):
        with _told(table), store.begin() as connection:
            _note(connection, table, done, done + len(batch))
            run_many(connection, insert, batch)
        done += len(batch)


def _batches(archive: ArchiveReader, table: sa.Table, skipped: int) -> Iterator[Rows]:
    """Give the rows of a table after those that are there already, a batch at a time."""
    to_row = RowFormat(table).to_row
    batch: Rows = []
    size = 0
    for number, line in enumerate(archive.lines(table.name), 1):
        if number <= skipped:
            continue
        try:
            batch.append(to_row(line))
        except RowError as error:
            raise UserError(
                f"{archive.path} cannot be imported: line {number} of {table.name}.jsonl: {error}."
            ) from None
        size += len(line)
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _note(connection: sa.Connection, table: sa.Table, before: int, after: int) -> None:
    """Note how many rows of a table are there; raise `UserError` if another import does so, too."""
    row = _progress.update().where(_progress.c.table_name == table.name, _progress.c.rows == before)
    if connection.execute(row.values(rows=after)).rowcount != 1:
        raise UserError(
            f"Another import into {shown_url(connection.engine.url)} is running. Wait for it."
        )


@contextmanager
def _told(table: sa.Table) -> Iterator[None]:
    """Say which table a database's error is about, and that what is there stays."""
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        raise UserError(
            f"The rows of {table.name} do not fit together: {cause_of(error)}."
        ) from None
    except sa.exc.DBAPIError as error:
        raise StoreError(
            f"The import has stopped in {table.name}: {cause_of(error)}. Call `airflow-lite db"
            " import` with the same file again once this is mended: it goes on from there."
        ) from None


def _finish(store: Store, archive: ArchiveReader) -> dict[str, int]:
    """Compare the counts, and let the store be used; return how many rows each table has."""
    with store.begin() as connection:
        counts = {table.name: _count(connection, table) for table in _TABLES}
        for name, entry in archive.manifest.tables.items():
            if counts[name] != entry.rows:
                raise StoreError(
                    f"{name} has {counts[name]} records, and the export {entry.rows}: something"
                    " else wrote to the database. Empty it by `airflow-lite db reset`, and import"
                    " the export anew."
                )
        if not store.is_sqlite:
            _continue_ids(connection)
        _progress.drop(connection)
        _stamp(connection, HEAD)
    return counts


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _continue_ids(connection: sa.Connection) -> None:
    """Let PostgreSQL number new rows after those there are, and know how many these are."""
    for table in _TABLES:
        column = table.autoincrement_column
        if column is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            last = sa.func.max(column)
            connection.execute(
                sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None)))
            )
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _stamp(connection: sa.Connection, revision: str) -> None:
    connection.execute(
        sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
    )

"""Making, upgrading and emptying the store; Alembic is imported only to upgrade."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import sqlalchemy as sa

from airflow_lite.errors import StoreError, UserError
from airflow_lite.store.engine import (
    Store,
    add_default_pool,
    cannot_open,
    create,
    known_url,
    lock_schema,
    make_engine,
    revision,
    shown_url,
)
from airflow_lite.store.revision import HEAD, refuse_unfinished_import, revision_of
from airflow_lite.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.script import ScriptDirectory

    from airflow_lite.config import Config

FOLDER = Path(__file__).with_name("migrations")
_DROP_FUNCTION = "DROP FUNCTION IF EXISTS task_instance_event() CASCADE"


@contextmanager
def bare_store(config: Config) -> Iterator[Store]:
    """Give a store whose tables may be missing or old; database errors become `StoreError`."""
    url = config.get("database", "sql_alchemy_conn")
    store = Store(make_engine(config))
    try:
        yield store
    except sa.exc.DBAPIError as error:
        raise StoreError(cannot_open(url, error.orig)) from None
    finally:
        store.close()


def migrate(config: Config, *, to: str = HEAD, use_files: bool = False) -> str:
    """Bring the store to revision `to`; return one line that says what was done.

    A store that is not there is made at once, by the migration files only with `use_files`.
    """
    with bare_store(config) as store:
        shown = shown_url(store.engine.url)
        if not use_files and to == HEAD and create(store, config):
            return f"Made the metadata database {shown} at revision {HEAD}."
        before = _upgrade(store, config, to)
        if before == to:
            return f"The metadata database {shown} is at revision {to} already."
        return f"Brought the metadata database {shown} from {before or 'nothing'} to {to}."


def _upgrade(store: Store, config: Config, to: str) -> str | None:
    """Run the steps to revision `to`; return the revision before. Several may come at once."""
    with store.begin() as connection:
        lock_schema(connection)
        before = revision_of(connection)
        if before != to:
            script = _script()
            _check_way(script, before, to)
            _run_steps(script, to, _dags_folder(config), connection=connection)
        if before is None:
            add_default_pool(connection, config)
    return before


def _check_way(script: ScriptDirectory, before: str | None, to: str) -> None:
    """Raise `StoreError` or `UserError` where no steps lead from `before` to `to`."""
    refuse_unfinished_import(before)
    order = [step.revision for step in script.walk_revisions()][::-1]
    if before is not None and before not in order:
        raise StoreError(
            f"The metadata database is at revision {before!r}, which this airflow-lite does not"
            " know. A newer one made it: install that, or use another database."
        )
    if to not in order:
        raise UserError(f"There is no revision {to[:60]!r}. There are: {', '.join(order)}.")
    if before is not None and order.index(to) < order.index(before):
        raise UserError(
            f"The metadata database is at revision {before}, which is newer than {to}, and"
            f" cannot go back. Restore a backup of revision {to}."
        )


def sql_of_upgrade(config: Config, output: TextIO = sys.stdout, *, to: str = HEAD) -> None:
    """Write the SQL that would bring the store to revision `to`; the store is not changed."""
    with bare_store(config) as store:
        before = revision(store)
        refuse_unfinished_import(before)
        _run_steps(
            _script(),
            to,
            _dags_folder(config),
            before=before,
            dialect=store.engine.dialect.name,
            output=output,
        )


def _dags_folder(config: Config) -> str:
    return str(config.getpath("core", "dags_folder"))


def _script() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(FOLDER))


def _run_steps(
    script: ScriptDirectory,
    to: str,
    dags_folder: str,
    *,
    connection: sa.Connection | None = None,
    before: str | None = None,
    dialect: str | None = None,
    output: TextIO | None = None,
) -> None:
    from alembic.config import Config as AlembicConfig
    from alembic.runtime.environment import EnvironmentContext

    environment = EnvironmentContext(
        AlembicConfig(attributes={"dags_folder": dags_folder}),
        script,
        fn=lambda heads, _context: script._upgrade_revs(to, heads),  # noqa: SLF001 - as Alembic
        as_sql=connection is None,
        starting_rev=before,
        destination_rev=to,
    )
    with environment:
        environment.configure(
            connection=connection,
            dialect_name=dialect,
            output_buffer=output,
            literal_binds=connection is None,
        )
        environment.run_migrations()


def reset(config: Config, *, skip_init: bool = False, use_files: bool = False) -> str:
    """Drop every table and, unless `skip_init`, make them again; return what was done."""
    with bare_store(config) as store:
        shown = shown_url(store.engine.url)
        with store.begin() as connection:
            metadata.drop_all(connection)
            for name in ("alembic_version", "import_progress"):
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_DROP_FUNCTION)
    if skip_init:
        return f"Dropped every table of the metadata database {shown}."
    migrate(config, use_files=use_files)
    return f"Emptied the metadata database {shown}."


def is_made(config: Config) -> bool:
    """Return whether there is a store that needs no upgrade; makes nothing, nor its file."""
    url = known_url(config, "sql_alchemy_conn")
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return False
    with bare_store(config) as store:
        return revision(store) == HEAD


def shown_address(config: Config) -> str:
    """Return the store's URL as it may be shown."""
    with bare_store(config) as store:
        return shown_url(store.engine.url)


def check(config: Config) -> str | None:
    """Connect and ask for 1; return the revision. Raise `StoreError` if that fails."""
    with bare_store(config) as store:
        with store.read() as connection:
            connection.execute(sa.text("SELECT 1"))
        return revision(store)

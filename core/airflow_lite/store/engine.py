"""The connection to the metadata database, which is made on first use."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from airflow_lite.errors import StoreError, StoreOutOfReachError
from airflow_lite.private_files import make_folder, open_private, who_else_writes
from airflow_lite.secrets_masker import without_url_secrets
from airflow_lite.store.doorbell import send_rings
from airflow_lite.store.faults import advice_on, is_out_of_reach
from airflow_lite.store.postgres import (
    DIALECT_OPTIONS,
    engine_options,
    prepare,
    session_settings,
)
from airflow_lite.store.revision import DATABASES, HEAD, check_revision, revision_of
from airflow_lite.store.schema import metadata, pool
from airflow_lite.store.transactions import OPTION, Purpose, purpose_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager

    import psycopg

    from airflow_lite.config import Config

#: Seconds between two looks whether other processes have made the database.
_WAL_PAUSE_S = 0.01
_SQLITE_OPTIONS: dict[str, Any] = {"connect_args": {"check_same_thread": False}}
#: How PostgreSQL's own programs write it; which driver is then ours to choose.
_PLAIN_POSTGRES = {"postgres", "postgresql"}
#: As Alembic makes it, its key's name included.
_VERSION_TABLE = """
CREATE TABLE alembic_version (
version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""
#: Names the lock under which one process makes or migrates the tables; any number of ours.
_SCHEMA_LOCK = 0x61_6C_69_74_65


@dataclass(frozen=True)
class Store:
    """An open store: `begin()` for a transaction that writes, `read()` for one that does not.

    `read_one()` is for one statement that reads, which needs no transaction around it.
    Safe to share between threads; never to be carried across a fork.
    """

    engine: sa.Engine

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """Return a transaction that takes the write lock at once and commits at its end."""
        return self.engine.begin()

    def begin_queueing(self, pools: Collection[str]) -> AbstractContextManager[sa.Connection]:
        """Return a transaction that queues attempts, which may take slots of these pools.

        On PostgreSQL its commit waits for no disk; see `Purpose`.
        """
        return self._begin(Purpose.QUEUE)

    def begin_recording(self) -> AbstractContextManager[sa.Connection]:
        """Return a transaction that records what its caller can write again.

        Its commit waits for no disk where `session_of` names a session; see `Purpose`.
        """
        return self._begin(Purpose.RECORD)

    def begin_one(self) -> AbstractContextManager[sa.Connection]:
        """Return a transaction for one statement that writes; PostgreSQL may need none for it."""
        return self._begin(Purpose.WRITE_ONE)

    def read(self) -> AbstractContextManager[sa.Connection]:
        """Return a transaction for reading, of one moment's rows; it takes no write lock."""
        return self._begin(Purpose.READ_ONE_MOMENT)

    def read_one(self) -> AbstractContextManager[sa.Connection]:
        """Return a connection for a SELECT, which sees what is there by its own time."""
        return self._begin(Purpose.READ_ONE_STATEMENT)

    @contextmanager
    def _begin(self, purpose: Purpose) -> Iterator[sa.Connection]:
        with self.engine.connect() as connection:
            meant = connection.execution_options(**{OPTION: purpose})
            with meant.begin():
                yield meant

    @property
    def whole(self) -> Store:
        """This store: see `LeanStore`."""
        return self

    @property
    def is_sqlite(self) -> bool:
        """Whether the store is one file on this machine."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_store(
    config: Config,
    notice: Callable[[str], None] | None = None,
    *,
    name: str = "",
) -> Store:
    """Open the configured store, made on first use with one line of `notice`.

    A server is told that this kind of process, `name`, uses it.
    Raises `StoreError` with what to do: cannot be opened (`StoreOutOfReachError` where that may be
    over soon), is older or newer than this program.
    """
    url = config.get("database", "sql_alchemy_conn")
    engine = make_engine(config, name)
    store = Store(engine)
    try:
        _bring_up(store, config, notice)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        kind = StoreOutOfReachError if is_out_of_reach(error) else StoreError
        raise kind(cannot_open(url, error.orig)) from None
    return store


def make_engine(config: Config, name: str = "") -> sa.Engine:
    """Return an engine for `[database] sql_alchemy_conn`; connects to nothing yet."""
    url = known_url(config, "sql_alchemy_conn")
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and url.database:
        _make_folder(Path(url.database).parent)
    options = _SQLITE_OPTIONS if is_sqlite else engine_options(url, name)
    try:
        engine = sa.create_engine(url, hide_parameters=True, **options)
    except ModuleNotFoundError as error:
        raise StoreError(_no_driver(error.name)) from None
    if is_sqlite:
        _prepare_sqlite(engine, config)
    else:
        prepare(engine, session_settings(name))
    return engine


def engine_on(config: Config, line: psycopg.Connection[Any]) -> sa.Engine:
    """Return an engine on a connection to `[database] sql_alchemy_conn` that somebody else made.

    It is of no use any more once that is closed.
    """
    url = known_url(config, "sql_alchemy_conn")
    options = {"creator": lambda: line, "poolclass": sa.StaticPool, **DIALECT_OPTIONS}
    engine = sa.create_engine(url, hide_parameters=True, **options)
    prepare(engine)
    return engine


def known_url(config: Config, setting: str) -> sa.URL:
    """Return the address that a setting of `[database]` holds; raise `StoreError`."""
    try:
        return _known_url(config.get("database", setting))
    except ModuleNotFoundError as error:
        raise StoreError(_no_driver(error.name)) from None
    except ValueError:  # of int(); it would show a part of a password
        raise StoreError(
            f"[database] {setting} has a port that is no number. Write `@`, `:` and `/` in a"
            " password as %40, %3A and %2F."
        ) from None
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise StoreError(
            f"[database] {setting} cannot be used: {_shown(error)}. Write for example"
            " sqlite:////absolute/path/airflow_lite.db or postgresql://user:password@host/name."
        ) from None


def _shown(error: Exception) -> str:
    """Return what an error says, which may quote the URL."""
    return without_url_secrets(str(error))


def _known_url(text: str) -> sa.URL:
    url = sa.make_url(text)
    if url.drivername in _PLAIN_POSTGRES:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in DATABASES:
        raise sa.exc.ArgumentError(
            f"{url.get_backend_name()!r} is not supported: SQLite and PostgreSQL are"
        )
    if url.get_backend_name() == "sqlite":
        _check_path(text, url.database or "")
    return url


def _check_path(text: str, path: str) -> None:
    """Refuse a file that other processes would not find; raise `StoreError`."""
    if path in {"", ":memory:"} or path.startswith("file:"):
        fault = "names no file, and tasks cannot reach a database in memory"
    elif not os.path.isabs(path):
        fault = "is a relative path: commands called in other folders would open other files"
    elif os.path.exists(path) and not os.path.isfile(path):
        fault = "is not a regular file"
    else:
        _refuse_open_file(path)
        return
    raise StoreError(
        f"[database] sql_alchemy_conn = {without_url_secrets(text)[:200]!r} {fault}."
        " Write sqlite:////absolute/path/airflow_lite.db."
    )


def _refuse_open_file(path: str) -> None:
    """Raise `StoreError` where every user could change what runs."""
    if who_else_writes(path) == "every user":
        raise StoreError(
            f"Every user of this machine can write to the metadata database {path}."
            f" Run `chmod 600 {path}`."
        )


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise StoreError(
            f"The folder {folder} of the metadata database cannot be made: {error.strerror}."
            " Set AIRFLOW_LITE_HOME to a folder that you may write to."
        ) from None


def _no_driver(module: str | None) -> str:
    if module == "psycopg":
        return "PostgreSQL needs a driver: pip install 'airflow-lite[postgres]'."
    return (
        f"[database] sql_alchemy_conn names a driver that is not installed: {module}."
        " Install it, or write postgresql://… and pip install 'airflow-lite[postgres]'."
    )


def _prepare_sqlite(engine: sa.Engine, config: Config) -> None:
    synchronous = config.get("database", "sqlite_synchronous").upper()
    if synchronous not in {"NORMAL", "FULL", "EXTRA"}:
        raise StoreError(
            f"[database] sqlite_synchronous is {synchronous!r}. Make it NORMAL or FULL."
        )
    busy_ms = int(config.getfloat("database", "sqlite_busy_timeout_s") * 1000)

    @event.listens_for(engine, "do_connect")
    def make_private(_dialect: object, _record: object, args: Any, _options: object) -> None:
        _make_private(args[0])

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        # Else one text that is not UTF-8 makes a whole batch unreadable.
        connection.text_factory = _text
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        _use_wal(connection, busy_ms / 1000)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "checkin")
    def checkin(_connection: object, record: Any) -> None:
        send_rings(config, record.info)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        match purpose_of(connection):
            case Purpose.READ_ONE_STATEMENT:
                return
            case Purpose.READ_ONE_MOMENT:
                connection.exec_driver_sql("BEGIN")
            case _:  # a lock that is taken late cannot wait and fails at once
                connection.exec_driver_sql("BEGIN IMMEDIATE")


def _make_private(path: str) -> None:
    """Make the file before SQLite does, which lets others read it; its log gets the same mode."""
    with suppress(OSError):  # it is there, or SQLite says why it cannot be made
        os.close(open_private(path, os.O_RDWR | os.O_EXCL))


def _use_wal(connection: sqlite3.Connection, busy_s: float) -> None:
    """Have SQLite write ahead; raise `sqlite3.OperationalError` if that is locked for so long.

    Where several processes make one database, each holds what the others wait for, and SQLite
    fails at once rather than wait for its busy timeout.
    """
    from sqlite3 import OperationalError  # other databases do without it

    deadline = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _bring_up(store: Store, config: Config, notice: Callable[[str], None] | None) -> None:
    with store.read() as connection:
        revision = revision_of(connection)
    check_revision(revision)
    if revision is None and create(store, config) and notice is not None:
        notice(f"Made the metadata database {shown_url(store.engine.url)}")


def create(store: Store, config: Config) -> bool:
    """Make every table and stamp the revision, in one transaction; False if another process did."""
    with store.begin() as connection:
        lock_schema(connection)
        if revision_of(connection) is not None:
            return False
        metadata.create_all(connection)
        connection.exec_driver_sql(_VERSION_TABLE)
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        add_default_pool(connection, config)
    if store.is_sqlite:
        write_log_back(store)  # or all of it would be in a log that somebody may remove
    return True


def write_log_back(store: Store) -> None:
    """Write what SQLite's log holds into the database."""
    connection = store.engine.raw_connection()
    try:
        assert connection.driver_connection is not None  # it was just taken
        connection.driver_connection.execute("PRAGMA wal_checkpoint(FULL)")
    finally:
        connection.close()


def lock_schema(connection: sa.Connection) -> None:
    """Let no other process make or change the tables until this transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite's transactions are alone anyway
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def add_default_pool(connection: sa.Connection, config: Config) -> None:
    """Make the pool of tasks that name none."""
    slots = config.getint("core", "default_pool_task_slot_count")
    connection.execute(
        pool.insert().values(name="default_pool", slots=slots, description="Default pool")
    )


def revision(store: Store) -> str | None:
    """Return the store's Alembic revision; None if it has no tables yet."""
    with store.read() as connection:
        return revision_of(connection)


def shown_url(url: sa.URL) -> str:
    """Return a URL as it may be shown: without its password."""
    return without_url_secrets(url.render_as_string(hide_password=True))


def _is_full(folder: Path) -> bool:
    """Whether a file system that counts blocks has none left for this user."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_blocks > 0 and disk.f_bavail == 0


def cannot_open(url: str, error: object) -> str:
    """Return the message about a database that gave an error, and what to do."""
    try:
        shown = shown_url(sa.make_url(url))
        path = sa.make_url(url).database
    except sa.exc.ArgumentError:
        shown, path = "(unreadable URL)", None
    advice = advice_on(error) or "check [database] sql_alchemy_conn"
    hint = f"{advice[0].upper()}{advice[1:]}."
    folder = Path(path).parent if path and url.startswith("sqlite") else None
    if folder is not None and not os.access(folder, os.W_OK):
        hint = (
            f"{folder} is not writable:"
            " set AIRFLOW_LITE_HOME, or [database] sql_alchemy_conn, to a place that is."
        )
    elif folder is not None and _is_full(folder):
        hint = f"The disk of {folder} is full: make room on it."
    return f"The metadata database {shown} cannot be used: {error}. {hint}"

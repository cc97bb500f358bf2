"""A store on PostgreSQL without SQLAlchemy, for task hosts.

Half of what a process for a single attempt costs would be the import of SQLAlchemy, of whose
statements it needs a dozen; they are texts anyway. A host of many sends these again and again, and
by the driver itself at half the price. Whoever asks for more gets the whole store, on the same
connection.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import StoreError
from airflow_lite.imports import uncollected
from airflow_lite.store.faults import DatabaseError
from airflow_lite.store.postgres import (
    PLANNED_ONCE,
    arguments_of,
    begin_session,
    beginning,
    has_news,
)
from airflow_lite.store.revision import check_revision, revision_of
from airflow_lite.store.transactions import Purpose, is_bare, session_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import psycopg

    from airflow_lite.config import Config
    from airflow_lite.store.connection import Connection, Result
    from airflow_lite.store.engine import Store

#: URLs by which the whole store would take the same driver.
_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


class _Dialect(NamedTuple):
    name: str = "postgresql"


class LeanConnection:
    """A transaction; raises `DatabaseError`."""

    dialect = _Dialect()

    def __init__(self, line: psycopg.Connection[Any], info: dict[Any, Any]) -> None:
        self._line = line
        self.info = info

    def exec_driver_sql(self, statement: str, parameters: Any = None, /) -> Result:
        """Execute a statement in the driver's own writing."""
        import psycopg

        try:
            return self._line.cursor().execute(statement, parameters)
        except psycopg.Error as error:
            raise DatabaseError(error) from error

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """Give a savepoint to which the transaction returns after an error."""
        self.exec_driver_sql("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
            raise
        self.exec_driver_sql("RELEASE SAVEPOINT part")


class LeanStore:
    """One connection, made anew where it is lost. For one thread; not to be carried across a fork.

    Its transactions are those of `Store`, and one is over before the next begins.
    """

    is_sqlite = False

    def __init__(self, config: Config, parameters: dict[str, Any]) -> None:
        self._config = config
        self._parameters = parameters
        self._line: psycopg.Connection[Any] | None = None
        self._info: dict[Any, Any] = {}
        self._whole: Store | None = None
        self._line_of_whole: psycopg.Connection[Any] | None = None

    @property
    def whole(self) -> Store:
        """The store with all of SQLAlchemy, on this one's connection; to be asked for each time."""
        line = self._connected()
        if self._whole is None or self._line_of_whole is not line:
            with uncollected():
                from airflow_lite.store.engine import Store, engine_on

            self._whole, self._line_of_whole = Store(engine_on(self._config, line)), line
        return self._whole

    def begin(self) -> AbstractContextManager[Connection]:
        """Return a transaction that writes."""
        return self._begin(None)

    def begin_recording(self) -> AbstractContextManager[Connection]:
        """Return a transaction that records what its caller can write again."""
        return self._begin(Purpose.RECORD)

    def begin_one(self) -> AbstractContextManager[Connection]:
        """Return a transaction for one statement that writes, or none where it needs none."""
        return self._begin(Purpose.WRITE_ONE)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a transaction for reading, of one moment's rows."""
        return self._begin(Purpose.READ_ONE_MOMENT)

    def read_one(self) -> AbstractContextManager[Connection]:
        """Return a connection for one SELECT, which sees what is there by its own time."""
        return self._begin(Purpose.READ_ONE_STATEMENT)

    @contextmanager
    def _begin(self, purpose: Purpose | None) -> Iterator[LeanConnection]:
        line = self._connected()
        connection = LeanConnection(line, self._info)
        needs_none = is_bare(purpose, session_of(connection))
        try:
            if not needs_none:
                connection.exec_driver_sql(beginning(purpose, session_of(connection)))
            yield connection
        except BaseException:
            self._undo(line)
            raise
        if not needs_none:
            self._commit(line)

    def _commit(self, line: psycopg.Connection[Any]) -> None:
        import psycopg

        try:
            line.execute("COMMIT")
        except psycopg.Error as error:
            raise DatabaseError(error, is_unanswered=line.closed) from error

    def _undo(self, line: psycopg.Connection[Any]) -> None:
        import psycopg

        try:
            line.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def _connected(self) -> psycopg.Connection[Any]:
        line = self._line
        if line is not None and (line.closed or (has_news(line) and not _answers(line))):
            self.close()
        if self._line is None:
            self._line = self._connect()
        return self._line

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        with _told():
            line: psycopg.Connection[Any] = psycopg.connect(autocommit=True, **self._parameters)
            self._info = {}
            begin_session(line, self._info, PLANNED_ONCE)
        return line

    def close(self) -> None:
        """Close every connection."""
        if self._line is not None:
            self._line.close()
            self._line = self._line_of_whole = self._whole = None


def _answers(line: psycopg.Connection[Any]) -> bool:
    import psycopg

    with suppress(psycopg.Error):
        line.execute("SELECT 1")
        return True
    return False


@contextmanager
def _told() -> Iterator[None]:
    """Raise `DatabaseError` for what the driver raises."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise DatabaseError(error) from error


def open_lean(config: Config, name: str) -> LeanStore | None:
    """Open the configured store without SQLAlchemy; None where that takes the whole one.

    So it does on SQLite, and for whatever is not as it should be: the whole store tells or mends.
    Raises `StoreError` where the tables are older or newer than this program.
    """
    parameters = _parameters(config.get("database", "sql_alchemy_conn"))
    if parameters is None:
        return None
    store = LeanStore(config, {**arguments_of(parameters, name), **parameters})
    try:
        with store.read() as connection:
            revision = revision_of(connection)
    except DatabaseError:
        revision = None
    try:
        check_revision(revision)
    except StoreError:
        store.close()
        raise
    if revision is None:
        store.close()
        return None
    return store


def _parameters(url: str) -> dict[str, Any] | None:
    """Return libpq's parameters of a URL; None if it is none of a server that SQLAlchemy takes."""
    scheme, _, address = url.partition("://")
    if scheme not in _SCHEMES or "," in address.partition("?")[0]:
        return None
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ModuleNotFoundError:
        return None
    with suppress(psycopg.Error):
        return conninfo_to_dict(f"postgresql://{address}")
    return None

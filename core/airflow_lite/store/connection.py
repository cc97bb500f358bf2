"""What a task host's statements need of a connection: SQLAlchemy's has it, and that of `lean`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from airflow_lite.store.engine import Store


class Dialect(Protocol):
    """Which database it is."""

    @property
    def name(self) -> str:
        """Such as sqlite, postgresql."""


class Result(Protocol):
    """What a statement found or did; a row is a tuple."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""


class Connection(Protocol):
    """A transaction on a connection to the database."""

    @property
    def dialect(self) -> Dialect:
        """The database."""

    @property
    def info(self) -> dict[Any, Any]:
        """What is kept as long as the session with the server lasts."""

    def exec_driver_sql(self, statement: str, parameters: Any = None, /) -> Result:
        """Execute a statement in the driver's own writing."""

    def begin_nested(self) -> AbstractContextManager[Any]:
        """Return a savepoint to which the transaction returns after an error."""


class HostStore(Protocol):
    """What a task host needs of a store; see `Store`, which is one, and `LeanStore`."""

    @property
    def is_sqlite(self) -> bool:
        """Whether the store is one file on this machine."""

    @property
    def whole(self) -> Store:
        """The store with all of SQLAlchemy, for what is not among a host's own statements."""

    def begin(self) -> AbstractContextManager[Connection]:
        """Return a transaction that writes."""

    def begin_recording(self) -> AbstractContextManager[Connection]:
        """Return a transaction that records what its caller can write again."""

    def begin_one(self) -> AbstractContextManager[Connection]:
        """Return a transaction for one statement that writes; PostgreSQL may need none for it."""

    def read(self) -> AbstractContextManager[Connection]:
        """Return a transaction for reading, of one moment's rows."""

    def read_one(self) -> AbstractContextManager[Connection]:
        """Return a connection for one SELECT."""

    def close(self) -> None:
        """Close every connection."""

"""What is PostgreSQL's own: how we connect, what each transaction begins with, lost connections.

Nothing is kept in a session of a pooler such as PgBouncer, which gives each transaction whichever
it has; in one of our own, what is sent again and again is kept prepared.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from airflow_lite.store.transactions import Purpose, purpose_of

if TYPE_CHECKING:
    import psycopg

#: What libpq is told, unless the URL says otherwise: no wait without bound for a server that is
#: gone.
_LIMITS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
#: Other drivers begin a transaction by themselves, and prepare nothing.
_DRIVER = "psycopg"
#: No wait without bound for a lock that a process holds which was stopped. Set with each
#: transaction, in the message that begins it.
_BOUNDS = "SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '6s'"
_LAZY = "SET LOCAL synchronous_commit = off"
#: All that one sees is of one moment, as on SQLite.
_READS = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def arguments_of(url: sa.URL, name: str) -> dict[str, Any]:
    """Return libpq's parameters that a URL leaves to us; `name` is which kind of process asks."""
    parameters = {**_LIMITS, "application_name": f"airflow-lite {name}".strip()}
    return {key: value for key, value in parameters.items() if key not in url.query}


def engine_options(url: sa.URL, name: str) -> dict[str, Any]:
    """Return the arguments of an engine that keeps one connection.

    It opens another while two threads are at work, as where DAG files are saved beside the loop.
    """
    return {
        "connect_args": arguments_of(url, name),
        "pool_size": 1,
        "max_overflow": 1,
        "use_native_hstore": False,  # or each process would look for what we have none of
    }


def prepare(engine: sa.Engine) -> None:
    """Let an engine's transactions begin with our bounds, on connections that are not lost."""
    is_ours = engine.dialect.driver == _DRIVER

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        if is_ours:
            connection.autocommit = True  # transactions are begun below, not by the driver
            if is_pooled(connection):
                connection.prepare_threshold = None

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        purpose = purpose_of(connection)
        if purpose is not Purpose.READ_ONE_STATEMENT:
            connection.exec_driver_sql(_beginning(purpose, is_ours=is_ours))

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, _record: object, _proxy: object) -> None:
        """Ping the server if it said something unasked: most likely that it hangs up."""
        if _has_news(connection) and not _answers(engine.dialect, connection):
            raise sa.exc.DisconnectionError


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a pooler is in front of the server, by one message to it.

    A pooler gives each client a number of its own making, not that of the server's process.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and bool(row[0] != connection.info.backend_pid)


def _beginning(purpose: Purpose | None, *, is_ours: bool) -> str:
    """Return the one message that begins a transaction, or adds to what the driver began."""
    reads = purpose is Purpose.READ_ONE_MOMENT
    begin = f"{'BEGIN' if is_ours else 'SET TRANSACTION'} {_READS}" if reads else "BEGIN"
    parts = [begin] if is_ours or reads else []
    return "; ".join([*parts, _BOUNDS, *([_LAZY] if purpose is Purpose.QUEUE else [])])


def _has_news(connection: Any) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _answers(dialect: sa.Dialect, connection: Any) -> bool:
    try:
        return dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        return False

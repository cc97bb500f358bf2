"""What is PostgreSQL's own: how we connect, what each transaction begins with, lost connections.

Nothing is kept in a session: a pooler such as PgBouncer gives each transaction whichever it has.
"""

from __future__ import annotations

import select
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

#: What libpq is told, unless the URL says otherwise: no wait without bound for a server that is
#: gone.
_LIMITS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
#: No wait without bound for a lock that a process holds which was stopped. Set with each
#: transaction: it goes to the server with its BEGIN, at the cost of no further message.
_BOUNDS = "SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '30s'"
_DRIVER = "psycopg"


def arguments_of(url: sa.URL, name: str) -> dict[str, Any]:
    """Return libpq's parameters that a URL leaves to us; `name` is which kind of process asks."""
    parameters = {**_LIMITS, "application_name": f"airflow-lite {name}".strip()}
    return {key: value for key, value in parameters.items() if key not in url.query}


def engine_options(url: sa.URL, name: str, most_connections: int) -> dict[str, Any]:
    """Return the arguments of an engine that keeps one connection, and opens more for a moment."""
    arguments = arguments_of(url, name)
    if url.get_driver_name() == _DRIVER:
        arguments["prepare_threshold"] = None
    return {
        "connect_args": arguments,
        "pool_size": 1,
        "max_overflow": most_connections - 1,
    }


def prepare(engine: sa.Engine) -> None:
    """Let an engine's transactions begin with our bounds, and on connections that are not lost."""
    begins = (
        engine.dialect.driver == _DRIVER
    )  # others begin by themselves, and cannot be told not to
    bounds = f"BEGIN; {_BOUNDS}" if begins else _BOUNDS

    if begins:

        @event.listens_for(engine, "connect")
        def connect(connection: Any, _record: object) -> None:
            connection.autocommit = True  # transactions are begun below, not by the driver

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(bounds)

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, _record: object, _proxy: object) -> None:
        """Ping the server if it said something unasked: most likely that it hangs up."""
        if _has_news(connection) and not _answers(engine.dialect, connection):
            raise sa.exc.DisconnectionError


def _has_news(connection: Any) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _answers(dialect: sa.Dialect, connection: Any) -> bool:
    try:
        return dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        return False

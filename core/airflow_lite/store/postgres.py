"""What is PostgreSQL's own: how we connect, what each transaction begins with, lost connections.

Nothing is kept in a session of a pooler such as PgBouncer, which gives each transaction whichever
it has; in one of our own, what is sent again and again is kept prepared.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from airflow_lite.store.transactions import SESSION, Purpose, is_bare, purpose_of, session_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    import psycopg
    import sqlalchemy as sa

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
#: Each process would look for the type, of which we have none.
DIALECT_OPTIONS = {"use_native_hstore": False}
#: No wait without bound for a lock that a process holds which was stopped. Set once in a session
#: of our own; where a pooler may change it, with each transaction, in the message that begins it.
_BOUNDS = ("lock_timeout = '5s'", "idle_in_transaction_session_timeout = '6s'")
_SET_FOR_TRANSACTION = "; ".join(f"SET LOCAL {bound}" for bound in _BOUNDS)
#: For a session that asks the same again and again, of few rows each time. What is prepared while
#: the tables are young would read the whole of them, for long after they have grown.
BY_INDEX = ("enable_seqscan = off", "jit = off")
#: For one whose statements find their rows by keys: no plan but one is of use, so it is made once.
PLANNED_ONCE = (*BY_INDEX, "plan_cache_mode = force_generic_plan")
_LAZY = "SET LOCAL synchronous_commit = off"
#: All that one sees is of one moment, as on SQLite.
_READS = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def arguments_of(given: Container[str], name: str) -> dict[str, Any]:
    """Return libpq's parameters that a URL leaves to us, which has the `given` ones.

    `name` is which kind of process asks.
    """
    parameters = {**_LIMITS, "application_name": f"airflow-lite {name}".strip()}
    return {key: value for key, value in parameters.items() if key not in given}


def engine_options(url: sa.URL, name: str) -> dict[str, Any]:
    """Return the arguments of an engine that keeps one connection.

    It opens another while two threads are at work, as where DAG files are saved beside the loop.
    """
    return {
        "connect_args": arguments_of(url.query, name),
        "pool_size": 1,
        "max_overflow": 1,
        **DIALECT_OPTIONS,
    }


def session_settings(name: str) -> tuple[str, ...]:
    """Return what a session of this kind of process is to be given, beside our bounds."""
    return BY_INDEX if name == "scheduler" else ()


def prepare(engine: sa.Engine, settings: Iterable[str] = ()) -> None:
    """Let an engine's transactions begin with our bounds, on connections that are not lost.

    A session of our own is given these settings.
    """
    import sqlalchemy as sa
    from sqlalchemy import event

    is_ours = engine.dialect.driver == _DRIVER

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        if is_ours:
            connection.autocommit = True  # transactions are begun below, not by the driver
            begin_session(connection, record.info, settings)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        purpose = purpose_of(connection)
        session = session_of(connection)
        if not is_bare(purpose, session):
            connection.exec_driver_sql(beginning(purpose, session, is_ours=is_ours))

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, _record: object, _proxy: object) -> None:
        """Ping the server if it said something unasked: most likely that it hangs up."""
        if has_news(connection) and not _answers(engine.dialect, connection):
            raise sa.exc.DisconnectionError


def begin_session(
    connection: psycopg.Connection[Any], info: dict[Any, Any], settings: Iterable[str] = ()
) -> None:
    """Set our bounds in a new session, and these settings; name it in `info`.

    A pooler's session is nobody's own: nothing is set in it.
    """
    if is_pooled(connection):
        connection.prepare_threshold = None
    else:
        connection.execute("; ".join(f"SET {setting}" for setting in (*_BOUNDS, *settings)))
        info[SESSION] = object()


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a pooler is in front of the server, by one message to it.

    A pooler gives each client a number of its own making, not that of the server's process.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and bool(row[0] != connection.info.backend_pid)


def beginning(purpose: Purpose | None, session: object | None, *, is_ours: bool = True) -> str:
    """Return the one message that begins a transaction, or adds to what the driver began.

    `session` is what `session_of` tells of its connection.
    """
    is_lazy = purpose is Purpose.QUEUE or (purpose is Purpose.RECORD and session is not None)
    reads = purpose is Purpose.READ_ONE_MOMENT
    begin = f"{'BEGIN' if is_ours else 'SET TRANSACTION'} {_READS}" if reads else "BEGIN"
    parts = [begin] if is_ours or reads else []
    bounds = [_SET_FOR_TRANSACTION] if session is None else []
    return "; ".join([*parts, *bounds, *([_LAZY] if is_lazy else [])])


def has_news(connection: Any) -> bool:
    """Tell whether the server said something unasked: most likely that it hangs up."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _answers(dialect: sa.Dialect, connection: Any) -> bool:
    try:
        return dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        return False

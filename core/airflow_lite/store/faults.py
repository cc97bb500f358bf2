"""What an error of the database says: wrong rows, another writer in the way, or an outage."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

#: What the codes of PostgreSQL begin with where a row is to blame: a value that does not fit, a
#: constraint, a limit such as that of an index's rows, a trigger that raised.
_OF_ROWS = ("22", "23", "54", "P0")
#: A serialisation failure, a deadlock, a lock that was not had in time.
_PASSING = frozenset({"40001", "40P01", "55P03"})

#: So many times in a row another writer may be in the way before it is told as an outage.
MOST_PASSING = 5


_MAKE_WRITABLE = (
    "let this user write to it (with SQLite to its file and its folder),"
    " or set AIRFLOW_LITE_HOME to another home"
)
_NEEDS_CONNECTIONS = (
    "let fewer processes use it, or raise max_connections or the role's CONNECTION LIMIT"
)
#: Words of the databases' own messages, and what helps.
_ADVICE = {
    "readonly database": _MAKE_WRITABLE,
    "read-only transaction": _MAKE_WRITABLE,
    "permission denied for": "grant the role of [database] sql_alchemy_conn all rights to it",
    "too many connections": _NEEDS_CONNECTIONS,
    "remaining connection slots": _NEEDS_CONNECTIONS,
    "too many clients": _NEEDS_CONNECTIONS,
    "No space left on device": "make room on the disk of the server",
    "authentication failed": "check user and password in [database] sql_alchemy_conn",
    "no password supplied": "write user and password into [database] sql_alchemy_conn",
    'role "': "make the role, or name another in [database] sql_alchemy_conn",
    'database "': "make the database, or name another in [database] sql_alchemy_conn",
    "Connection refused": "start the server, or name another in [database] sql_alchemy_conn",
    "resolve host": "check the host in [database] sql_alchemy_conn",
    "Name or service not known": "check the host in [database] sql_alchemy_conn",
}


def advice_on(cause: object) -> str | None:
    """Return what helps where a database says this; None where that is not known."""
    text = str(cause)
    return next((advice for words, advice in _ADVICE.items() if words in text), None)


def is_of_rows(error: BaseException) -> bool:
    """Tell whether rows cannot be written for what is in them: later no more than now."""
    if isinstance(error, UnicodeError | OverflowError):  # the driver's, before it asks the database
        return True
    is_refused = isinstance(error, sa.exc.DataError | sa.exc.IntegrityError)
    return is_refused or _sqlstate(error).startswith(_OF_ROWS)


def is_passing(error: BaseException) -> bool:
    """Tell whether another writer was in the way: nothing was written, and trying again helps."""
    return _sqlstate(error) in _PASSING


def is_unanswered(error: BaseException) -> bool:
    """Tell whether the connection was lost at a COMMIT, which may be done."""
    return (
        isinstance(error, sa.exc.DBAPIError)
        and error.connection_invalidated
        and error.statement is None
    )


def _sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code of an error; nothing where there is none."""
    code: Any = getattr(getattr(error, "orig", None), "sqlstate", None)
    return code or ""

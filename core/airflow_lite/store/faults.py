"""What an error of the database says: wrong rows, another writer in the way, or an outage."""

from __future__ import annotations

import sys
from typing import Any

#: What the codes of PostgreSQL begin with where a row is to blame: a value that does not fit, a
#: constraint, a limit such as that of an index's rows, a trigger that raised.
_OF_ROWS = ("22", "23", "54", "P0")
#: The same, by the name that SQLAlchemy and each driver have for the kind of error.
_REFUSED = frozenset({"DataError", "IntegrityError"})
#: A serialisation failure, a deadlock.
_UNDONE = frozenset({"40001", "40P01"})
#: The same, and a lock that was not had in time.
_PASSING = _UNDONE | {"55P03"}

#: So many times in a row another writer may be in the way before it is told as an outage.
MOST_PASSING = 5


_MAKE_WRITABLE = (
    "let this user write to it (with SQLite to its file and its folder),"
    " or set AIRFLOW_LITE_HOME to another home"
)
_NEEDS_CONNECTIONS = (
    "let fewer processes use it, or raise max_connections or the role's CONNECTION LIMIT"
)
#: Words by which a server refuses who asks, which no waiting changes.
_LASTING = (
    *("authentication failed", "no password", "permission denied", "pg_hba", 'role "'),
    "does not exist",
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


class DatabaseError(Exception):
    """An error of the driver, `orig`, met without SQLAlchemy, whose own errors are alike.

    `is_unanswered`: the connection was lost at a COMMIT, which may be done.
    """

    def __init__(self, orig: Exception, *, is_unanswered: bool = False) -> None:
        super().__init__(str(orig))
        self.orig = orig
        self.is_unanswered = is_unanswered


def is_database_error(error: BaseException) -> bool:
    """Tell whether an error came from the database or on the way to it."""
    errors = sys.modules.get("sqlalchemy.exc")
    of_sqlalchemy = errors is not None and isinstance(error, errors.SQLAlchemyError)
    return of_sqlalchemy or isinstance(error, DatabaseError)


def cause_of(error: BaseException) -> str:
    """Return the first line of a database error's message, and what helps where that is known."""
    message = str(getattr(error, "orig", None) or error).strip()
    cause = message.splitlines()[0] if message else type(error).__name__
    advice = advice_on(cause)
    return f"{cause}: {advice}" if advice else cause


def advice_on(cause: object) -> str | None:
    """Return what helps where a database says this; None where that is not known."""
    text = str(cause)
    return next((advice for words, advice in _ADVICE.items() if words in text), None)


def is_out_of_reach(error: BaseException) -> bool:
    """Tell whether a server cannot be connected to, by what may be over soon."""
    orig = getattr(error, "orig", None)
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(orig).__mro__}
    if "psycopg.OperationalError" not in kinds:
        return False
    return not any(words in str(orig) for words in _LASTING)


def is_of_rows(error: BaseException) -> bool:
    """Tell whether rows cannot be written for what is in them: later no more than now."""
    if isinstance(error, UnicodeError | OverflowError):  # the driver's, before it asks the database
        return True
    own, drivers = type(error).__mro__, type(getattr(error, "orig", None)).__mro__
    kinds = {kind.__name__ for kind in (*own, *drivers)}
    return not _REFUSED.isdisjoint(kinds) or _sqlstate(error).startswith(_OF_ROWS)


def is_passing(error: BaseException) -> bool:
    """Tell whether another writer was in the way: nothing was written, and trying again helps."""
    return _sqlstate(error) in _PASSING


def is_undone(error: BaseException) -> bool:
    """Tell whether a transaction was undone in favour of another: it may be tried again at once."""
    return _sqlstate(error) in _UNDONE


def is_unanswered(error: BaseException) -> bool:
    """Tell whether the connection was lost at a COMMIT, which may be done."""
    if isinstance(error, DatabaseError):
        return error.is_unanswered
    is_lost: bool = getattr(error, "connection_invalidated", False)
    return is_lost and getattr(error, "statement", None) is None


def _sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code of an error; nothing where there is none."""
    code: Any = getattr(getattr(error, "orig", None), "sqlstate", None)
    return code or ""

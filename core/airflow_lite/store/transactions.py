"""What a transaction is for, beside writing; it stands among the options of its connection."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from airflow_lite.store.faults import MOST_PASSING, is_undone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    from airflow_lite.store.connection import Connection

_Connection = TypeVar("_Connection")

OPTION = "airflow_lite_purpose"
#: Where a connection has the name of its session, if later commits of that keep the earlier ones.
SESSION = "airflow_lite_session"


class Purpose(Enum):
    """What a transaction is for: how much of what it reads is of one moment, or that it queues."""

    READ_ONE_MOMENT = 1
    READ_ONE_STATEMENT = 2
    #: Its commit waits for no disk: what queues attempts is done again if it was lost, and nothing
    #: is claimed before it is kept, since a later commit keeps the earlier ones.
    QUEUE = 3
    #: Its commit waits for no disk where the session has a name: who records has what it wrote in
    #: hand until a later commit of that session has kept both, and writes it again in another.
    RECORD = 4
    #: It has one statement that writes, which a session with a name takes by itself.
    WRITE_ONE = 5


def retried(
    begin: Callable[[], AbstractContextManager[_Connection]],
) -> Iterator[AbstractContextManager[_Connection]]:
    """Yield a transaction, and others as long as each is undone in favour of another writer's.

    `for transaction in retried(store.begin): with transaction as connection: …`; what is done in
    it beside writing is done again.
    """
    for left in reversed(range(MOST_PASSING)):
        done: list[bool] = []
        yield _tried(begin, done, is_last=left == 0)
        if done:
            return


@contextmanager
def _tried(
    begin: Callable[[], AbstractContextManager[_Connection]], done: list[bool], *, is_last: bool
) -> Iterator[_Connection]:
    try:
        with begin() as connection:
            yield connection
    except Exception as error:
        if is_last or not is_undone(error):
            raise
    else:
        done.append(True)


def purpose_of(connection: sa.Connection) -> Purpose | None:
    """Return what a transaction that begins is for; None: to write."""
    purpose: Purpose | None = connection.get_execution_options().get(OPTION)
    return purpose


def is_bare(purpose: Purpose | None, session: object | None) -> bool:
    """Tell whether PostgreSQL takes what is to come without a transaction around it.

    `session` is what `session_of` tells of its connection.
    """
    reads = purpose is Purpose.READ_ONE_STATEMENT
    return reads or (purpose is Purpose.WRITE_ONE and session is not None)


def session_of(connection: Connection) -> object | None:
    """Return the name of a session with a server; None where every commit waits for the disk."""
    return connection.info.get(SESSION)

"""What a transaction is for, beside writing; it stands among the options of its connection."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

OPTION = "airflow_lite_purpose"


class Purpose(Enum):
    """What a transaction is for: how much of what it reads is of one moment, or that it queues."""

    READ_ONE_MOMENT = 1
    READ_ONE_STATEMENT = 2
    #: Its commit waits for no disk: what queues attempts is done again if it was lost, and nothing
    #: is claimed before it is kept, since a later commit keeps the earlier ones.
    QUEUE = 3


def purpose_of(connection: sa.Connection) -> Purpose | None:
    """Return what a transaction that begins is for; None: to write."""
    purpose: Purpose | None = connection.get_execution_options().get(OPTION)
    return purpose

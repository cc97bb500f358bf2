"""What a transaction that only reads is for; it stands among the options of its connection."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

OPTION = "airflow_lite_reads"


class Reads(Enum):
    """How much has to be of one moment: the rows of several statements, or those of each."""

    OF_ONE_MOMENT = 1
    ONE_STATEMENT = 2


def reads_of(connection: sa.Connection) -> Reads | None:
    """Return what a transaction that begins is for; None if it may write."""
    reads: Reads | None = connection.get_execution_options().get(OPTION)
    return reads

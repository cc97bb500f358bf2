"""An attempt's row says which executor it was queued for; of a hybrid, which half."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; of attempts that are there it is not known."""
    op.add_column("attempt", sa.Column("executor", sa.String(250)))

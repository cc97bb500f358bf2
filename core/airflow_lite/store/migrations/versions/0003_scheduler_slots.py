"""A scheduler's job says whether it takes DAGs, and how its executor's slots are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns, as the newest schema has them."""
    takes_dags = sa.Column("takes_dags", sa.Boolean, nullable=False, server_default=sa.true())
    for column in (
        takes_dags,
        sa.Column("open_slots", sa.Integer),
        sa.Column("taken_slots", sa.Integer),
    ):
        op.add_column("job", column)

"""A task instance that is deferred says what it waits for, and who runs that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns, and an index over the rows that are deferred."""
    op.add_column("task_instance", sa.Column("trigger_spec", sa.Text))
    id_type = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column("task_instance", sa.Column("triggerer_id", id_type))
    op.execute(
        "CREATE INDEX task_instance_deferred ON task_instance (state) WHERE state = 'deferred'"
    )

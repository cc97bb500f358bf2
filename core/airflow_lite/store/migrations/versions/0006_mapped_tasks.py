"""Results say how many instances a mapped task gets; an instance has a name for its map index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, as the newest schema has them; drop a table that was never written."""
    op.add_column("task_instance", sa.Column("map_length", sa.Integer))
    op.add_column("task_instance", sa.Column("rendered_map_index", sa.String(250)))
    op.drop_table("task_map")

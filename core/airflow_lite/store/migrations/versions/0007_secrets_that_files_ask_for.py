"""A DAG file's row says which variables and connections its import asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    secrets = sa.Column("secrets", sa.Text, nullable=False, server_default=sa.text("'[]'"))
    op.add_column("dag_file", secrets)

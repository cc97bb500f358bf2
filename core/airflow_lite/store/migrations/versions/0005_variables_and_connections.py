"""Variables and connections get tables, with the columns that Airflow has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "variable",
        _id(),
        sa.Column("key", sa.String(250), nullable=False, unique=True),
        sa.Column("val", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        _flag("is_encrypted"),
    )
    op.create_table(
        "connection",
        _id(),
        sa.Column("conn_id", sa.String(250), nullable=False, unique=True),
        sa.Column("conn_type", sa.String(500), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("host", sa.String(500)),
        sa.Column("schema", sa.String(500)),
        sa.Column("login", sa.Text),
        sa.Column("password", sa.Text),
        sa.Column("port", sa.Integer),
        sa.Column("extra", sa.Text),
        _flag("is_encrypted"),
        _flag("is_extra_encrypted"),
    )


def _id() -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", number, primary_key=True, autoincrement=True)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())

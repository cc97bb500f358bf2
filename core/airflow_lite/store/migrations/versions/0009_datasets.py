"""Datasets get tables: they, where DAGs name them, their events, and what waits for those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, with their indexes."""
    op.create_table(
        "dataset",
        _id(),
        sa.Column("uri", sa.String(2500), nullable=False, unique=True),
        _document("extra"),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "dataset_alias",
        sa.Column("alias", sa.String(2500), primary_key=True),
        _part_of("dataset", is_key=True),
    )
    op.create_table(
        "dataset_use",
        _id(),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("task_id", sa.String(250)),
        _part_of("dataset", nullable=True),
        sa.Column("alias", sa.String(2500)),
    )
    op.create_table(
        "dataset_event",
        _id(),
        _part_of("dataset"),
        _document("extra"),
        sa.Column("source_dag_id", sa.String(250)),
        sa.Column("source_task_id", sa.String(250)),
        sa.Column("source_run_id", sa.String(250)),
        sa.Column("source_map_index", sa.Integer),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("token", sa.String(64)),
        sa.Column("number", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.UniqueConstraint("token", "number"),
    )
    op.create_table(
        "dataset_event_alias",
        _part_of("dataset_event", is_key=True),
        sa.Column("alias", sa.String(2500), primary_key=True),
    )
    op.create_table(
        "dataset_queue",
        sa.Column("dag_id", sa.String(250), primary_key=True),
        _part_of("dataset_event", is_key=True),
    )
    op.create_table(
        "dataset_consumption",
        _part_of("dag_run", is_key=True),
        _part_of("dataset_event", is_key=True),
    )
    for name, table, *columns in (
        ("dataset_alias_dataset", "dataset_alias", "dataset_id"),
        ("dataset_use_dag", "dataset_use", "dag_id"),
        ("dataset_use_dataset", "dataset_use", "dataset_id"),
        ("dataset_use_alias", "dataset_use", "alias"),
        ("dataset_event_of", "dataset_event", "dataset_id", "at_us"),
        ("dataset_event_at", "dataset_event", "at_us"),
        ("dataset_event_alias_of", "dataset_event_alias", "alias"),
        ("dataset_queue_event", "dataset_queue", "event_id"),
        ("dataset_consumption_event", "dataset_consumption", "event_id"),
    ):
        op.create_index(name, table, columns)


def _id() -> sa.Column[int]:
    return sa.Column("id", _NUMBER, primary_key=True, autoincrement=True)


def _document(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("'{}'"))


def _part_of(table: str, *, is_key: bool = False, nullable: bool = False) -> sa.Column[int]:
    """Return a column for the row of a table without which this one goes, too."""
    name = {"dataset_event": "event_id"}.get(table, f"{table}_id")
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, _NUMBER, key, primary_key=is_key, nullable=nullable)

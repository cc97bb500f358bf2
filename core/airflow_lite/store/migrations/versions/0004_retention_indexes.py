"""Indexes by which retention finds what is old, and what still refers to it.

Without them it reads all of `dag_run`, `task_instance`, `callback_request` and `supervisor`,
however little is old.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_INDEXES = (
    "CREATE INDEX supervisor_beat ON supervisor (latest_beat_us)",
    "CREATE INDEX dag_run_version ON dag_run (version_id)",
    "CREATE INDEX callback_request_ended ON callback_request (ended_us)",
    (
        "CREATE INDEX dag_run_over ON dag_run (coalesce(end_us, queued_us))"
        " WHERE state IN ('success', 'failed')"
    ),
    "CREATE INDEX dag_run_job ON dag_run (job_id) WHERE job_id IS NOT NULL",
    (
        "CREATE INDEX task_instance_version ON task_instance (version_id)"
        " WHERE version_id IS NOT NULL"
    ),
)


def upgrade() -> None:
    """Make the indexes."""
    for statement in _INDEXES:
        op.execute(statement)

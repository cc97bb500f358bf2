"""The first schema.

A frozen copy: it says what the tables were, whatever `store.schema` has become since.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNFINISHED = sa.text("state IN ('queued', 'running')")
ACTIVE = sa.text("state IN ('queued', 'running', 'restarting')")

EVENT_COLUMNS = (
    "task_instance_id, dag_run_id, task_id, map_index, try_number, attempt,"
    " from_state, to_state, actor, cause, at_us"
)
EVENT_VALUES = (
    "NEW.id, NEW.dag_run_id, NEW.task_id, NEW.map_index, NEW.try_number, NEW.attempt,"
    " OLD.state, NEW.state, NEW.changed_by, NEW.change_cause, NEW.changed_at_us"
)
INSERT_EVENT = f"INSERT INTO task_event ({EVENT_COLUMNS}) VALUES ({EVENT_VALUES});"  # noqa: S608
TRIGGERS = {
    "sqlite": (
        (
            "CREATE TRIGGER task_instance_event AFTER UPDATE OF state, attempt ON task_instance"
            " WHEN OLD.state IS NOT NEW.state OR OLD.attempt IS NOT NEW.attempt"
            f" BEGIN {INSERT_EVENT} END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION task_instance_event() RETURNS trigger AS $$"
            f" BEGIN {INSERT_EVENT} RETURN NEW; END $$ LANGUAGE plpgsql"
        ),
        (
            "CREATE TRIGGER task_instance_event AFTER UPDATE OF state, attempt ON task_instance"
            " FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state"
            " OR OLD.attempt IS DISTINCT FROM NEW.attempt)"
            " EXECUTE FUNCTION task_instance_event()"
        ),
    ),
}


def upgrade() -> None:
    """Make every table and the trigger that writes task_event."""
    _dag_file()
    _dag_version()
    _dag_pickle()
    _job()
    _pool()
    _task_event()
    _dag()
    _dag_run()
    _supervisor()
    _callback_request()
    _task_instance()
    _task_map()
    _xcom()
    _attempt()
    _rendered_fields()
    for statement in TRIGGERS[op.get_context().dialect.name]:
        op.execute(statement)


def _dag_file() -> None:
    op.create_table(
        "dag_file",
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("parsed_us", sa.BigInteger(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("dag_ids", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("warnings", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("pickled_by", sa.String(length=100)),
        sa.PrimaryKeyConstraint("path"),
    )


def _dag_version() -> None:
    op.create_table(
        "dag_version",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dag_id", "number"),
    )


def _dag_pickle() -> None:
    op.create_table(
        "dag_pickle",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("version_id", ID, nullable=False),
        sa.Column("python", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("dag_pickle_dag", "dag_pickle", ["dag_id"])


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("hostname", sa.String(length=250), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.String(length=64)),
        sa.Column("process_start", sa.BigInteger()),
        sa.Column("executor", sa.String(length=250)),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("latest_beat_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )


def _pool() -> None:
    op.create_table(
        "pool",
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("include_deferred", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _task_event() -> None:
    op.create_table(
        "task_event",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("task_instance_id", ID, nullable=False),
        sa.Column("dag_run_id", ID, nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.String(length=32)),
        sa.Column("from_state", sa.String(length=32)),
        sa.Column("to_state", sa.String(length=32)),
        sa.Column("actor", sa.String(length=250)),
        sa.Column("cause", sa.Text()),
        sa.Column("at_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("task_event_at", "task_event", ["at_us"])
    op.create_index("task_event_task_instance", "task_event", ["task_instance_id"])


def _dag() -> None:
    op.create_table(
        "dag",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("fileloc", sa.Text(), nullable=False),
        sa.Column("version_id", ID),
        sa.Column("is_paused", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("owner_job_id", ID),
        sa.Column("description", sa.Text()),
        sa.Column("owners", sa.Text()),
        sa.Column("tags", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("schedule", sa.Text()),
        sa.Column("timetable_description", sa.Text()),
        sa.Column("next_logical_us", sa.BigInteger()),
        sa.Column("next_interval_start_us", sa.BigInteger()),
        sa.Column("next_interval_end_us", sa.BigInteger()),
        sa.Column("next_create_after_us", sa.BigInteger()),
        sa.Column("last_parsed_us", sa.BigInteger()),
        sa.Column("pickle_id", ID),
        sa.Column("last_pickled_us", sa.BigInteger()),
        sa.Column("row_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["owner_job_id"], ["job.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("dag_id"),
    )


def _dag_run() -> None:
    op.create_table(
        "dag_run",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("run_type", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("logical_us", sa.BigInteger(), nullable=False),
        sa.Column("interval_start_us", sa.BigInteger(), nullable=False),
        sa.Column("interval_end_us", sa.BigInteger(), nullable=False),
        sa.Column("queued_us", sa.BigInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger()),
        sa.Column("end_us", sa.BigInteger()),
        sa.Column("external_trigger", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("conf", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version_id", ID),
        sa.Column("clear_number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("job_id", ID),
        sa.Column("note", sa.Text()),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dag_version.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dag_id", "logical_us"),
        sa.UniqueConstraint("dag_id", "run_id"),
    )
    op.create_index(
        "dag_run_unfinished",
        "dag_run",
        ["dag_id"],
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )


def _supervisor() -> None:
    op.create_table(
        "supervisor",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("job_id", ID),
        sa.Column("hostname", sa.String(length=250), nullable=False),
        sa.Column("boot_id", sa.String(length=64)),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_start", sa.BigInteger()),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("beat_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("latest_beat_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger()),
        sa.Column("end_cause", sa.Text()),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )


def _callback_request() -> None:
    op.create_table(
        "callback_request",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("dag_run_id", ID, nullable=False),
        sa.Column("task_instance_id", ID),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger()),
        sa.Column("ended_us", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(["dag_run_id"], ["dag_run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("callback_request_dag_run", "callback_request", ["dag_run_id"])
    op.create_index(
        "callback_request_open",
        "callback_request",
        ["id"],
        sqlite_where=sa.text("started_us IS NULL"),
        postgresql_where=sa.text("started_us IS NULL"),
    )


def _task_instance() -> None:
    op.create_table(
        "task_instance",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dag_run_id", ID, nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), server_default=sa.text("-1"), nullable=False),
        sa.Column("state", sa.String(length=32)),
        sa.Column("try_number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.String(length=32)),
        sa.Column("supervisor", sa.String(length=64)),
        sa.Column("next_at_us", sa.BigInteger()),
        sa.Column("try_started_us", sa.BigInteger()),
        sa.Column("queued_us", sa.BigInteger()),
        sa.Column("start_us", sa.BigInteger()),
        sa.Column("end_us", sa.BigInteger()),
        sa.Column("operator", sa.String(length=250)),
        sa.Column(
            "pool", sa.String(length=250), server_default=sa.text("'default_pool'"), nullable=False
        ),
        sa.Column("pool_slots", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "queue", sa.String(length=250), server_default=sa.text("'default'"), nullable=False
        ),
        sa.Column("priority_weight", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("executor", sa.String(length=250)),
        sa.Column("external_executor_id", sa.String(length=250)),
        sa.Column("hostname", sa.String(length=250)),
        sa.Column("pid", sa.Integer()),
        sa.Column("stuck_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("skip_decision", sa.Text()),
        sa.Column("next_method", sa.String(length=250)),
        sa.Column("next_kwargs", sa.Text()),
        sa.Column("version_id", ID),
        sa.Column("note", sa.Text()),
        sa.Column("changed_by", sa.String(length=250)),
        sa.Column("change_cause", sa.Text()),
        sa.Column("changed_at_us", sa.BigInteger()),
        sa.ForeignKeyConstraint(["dag_run_id"], ["dag_run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dag_run_id", "task_id", "map_index"),
    )
    op.create_index(
        "task_instance_active",
        "task_instance",
        ["state"],
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )


def _task_map() -> None:
    op.create_table(
        "task_map",
        sa.Column("dag_run_id", ID, nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("keys", sa.Text()),
        sa.ForeignKeyConstraint(["dag_run_id"], ["dag_run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("dag_run_id", "task_id", "map_index"),
    )


def _xcom() -> None:
    op.create_table(
        "xcom",
        sa.Column("dag_run_id", ID, nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dag_run_id"], ["dag_run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("dag_run_id", "task_id", "map_index", "key"),
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("task_instance_id", ID, nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("supervisor", sa.String(length=64)),
        sa.Column("hostname", sa.String(length=250)),
        sa.Column("boot_id", sa.String(length=64)),
        sa.Column("pid", sa.Integer()),
        sa.Column("process_start", sa.BigInteger()),
        sa.Column("process_group", sa.Integer()),
        sa.Column("queued_us", sa.BigInteger(), nullable=False),
        sa.Column("claimed_us", sa.BigInteger()),
        sa.Column("ended_us", sa.BigInteger()),
        sa.Column("outcome", sa.String(length=32)),
        sa.Column("accepted", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("cause", sa.Text()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("max_rss_kb", sa.Integer()),
        sa.Column("cpu_us", sa.BigInteger()),
        sa.Column("version_id", ID),
        sa.ForeignKeyConstraint(["task_instance_id"], ["task_instance.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("attempt_task_instance", "attempt", ["task_instance_id"])


def _rendered_fields() -> None:
    op.create_table(
        "rendered_fields",
        sa.Column("task_instance_id", ID, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task_instance_id"], ["task_instance.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_instance_id"),
    )

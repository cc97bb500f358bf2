"""The tables. Moments are UTC in integer microseconds (`*_us`), documents are JSON text.

Every state change of a task instance is copied to `task_event` by a trigger, whoever made it:
a writer sets `changed_by`, `change_cause` and `changed_at_us` beside the new state.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
    true,
)

metadata = MetaData()

#: SQLite makes only INTEGER PRIMARY KEY a rowid.
Id = BigInteger().with_variant(Integer, "sqlite")
Moment = BigInteger


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _flag(name: str, *, default: bool) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=true() if default else false())


def _count(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


#: One row per scheduler, `dags test` or backfill; only this row has a lease.
job = Table(
    "job",
    metadata,
    _id(),
    Column("kind", String(32), nullable=False),  # scheduler, dags_test, backfill
    Column("state", String(32), nullable=False),  # running, success, failed
    Column("hostname", String(250), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("boot_id", String(64)),
    Column("process_start", BigInteger),  # with boot_id (and PID namespace) and pid: this process
    Column("executor", String(250)),
    Column("start_us", Moment, nullable=False),
    Column("latest_beat_us", Moment, nullable=False),  # by the database's clock
    Column("end_us", Moment),
    _flag("takes_dags", default=True),  # false from when a scheduler is asked to stop
    Column("open_slots", Integer),  # of its executor, at its latest beat; None: without limit
    Column("taken_slots", Integer),
)

#: One task host: what beats for the attempts it claimed.
supervisor = Table(
    "supervisor",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),  # host, foreground, in_process
    Column("job_id", Id, ForeignKey("job.id", ondelete="SET NULL")),
    Column("hostname", String(250), nullable=False),
    Column("boot_id", String(64)),
    Column("pid", Integer, nullable=False),
    Column("process_start", BigInteger),  # clock ticks since boot, from /proc
    Column("start_us", Moment, nullable=False),
    Column("beat_count", BigInteger, nullable=False, server_default=text("0")),
    Column("latest_beat_us", Moment, nullable=False),
    Column("end_us", Moment),  # its death is proven, or it said goodbye
    Column("end_cause", Text),
    Index("supervisor_beat", "latest_beat_us"),
)

dag = Table(
    "dag",
    metadata,
    Column("dag_id", String(250), primary_key=True),
    Column("fileloc", Text, nullable=False),  # below the DAG folder, as `dag_file.path`
    Column("version_id", Id),
    _flag("is_paused", default=False),
    _flag("is_active", default=True),  # its file still has it
    Column("owner_job_id", Id, ForeignKey("job.id", ondelete="SET NULL")),
    Column("description", Text),
    Column("owners", Text),
    Column("tags", Text, nullable=False, server_default=text("'[]'")),
    Column("schedule", Text),  # its summary
    Column("timetable_description", Text),
    Column("next_logical_us", Moment),
    Column("next_interval_start_us", Moment),
    Column("next_interval_end_us", Moment),
    Column("next_create_after_us", Moment),
    Column("last_parsed_us", Moment),
    Column("pickle_id", Id),  # None: its tasks are run from its file
    Column("last_pickled_us", Moment),
    _count("row_version"),  # raised by every write that is not the owner's
)

#: One definition of a DAG: a new row whenever its spec changes.
dag_version = Table(
    "dag_version",
    metadata,
    _id(),
    Column("dag_id", String(250), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("spec", Text, nullable=False),  # DagSpec.to_json
    Column("created_us", Moment, nullable=False),
    UniqueConstraint("dag_id", "number"),
)

#: A DAG with its code, for workers that have not its file. Read where its signature is checked.
dag_pickle = Table(
    "dag_pickle",
    metadata,
    _id(),
    Column("dag_id", String(250), nullable=False),
    Column("version_id", Id, nullable=False),
    Column("python", String(16), nullable=False),  # whose byte code is in it, such as 3.12
    Column("payload", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),  # of the payload
    Column("signature", String(64), nullable=False),
    Column("created_us", Moment, nullable=False),
    Index("dag_pickle_dag", "dag_id"),
)

#: What is known of a DAG file: to skip it unchanged, and why it could not be imported.
dag_file = Table(
    "dag_file",
    metadata,
    Column("path", String(1000), primary_key=True),  # below the DAG folder
    Column("fingerprint", Text, nullable=False),
    Column("parsed_us", Moment, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("dag_ids", Text, nullable=False, server_default=text("'[]'")),
    Column("error", Text),  # an import error: shown by `dags list-import-errors`
    Column("warnings", Text, nullable=False, server_default=text("'[]'")),
    Column("pickled_by", String(100)),  # versions that pickled its DAGs; None: nothing did
    Column("secrets", Text, nullable=False, server_default=text("'[]'")),  # `asked_secrets`
)

dag_run = Table(
    "dag_run",
    metadata,
    _id(),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("run_type", String(32), nullable=False),
    Column("state", String(32), nullable=False),
    Column("logical_us", Moment, nullable=False),
    Column("interval_start_us", Moment, nullable=False),
    Column("interval_end_us", Moment, nullable=False),
    Column("queued_us", Moment, nullable=False),
    Column("start_us", Moment),
    Column("end_us", Moment),
    _flag("external_trigger", default=False),
    Column("conf", Text, nullable=False, server_default=text("'{}'")),
    Column("version_id", Id, ForeignKey("dag_version.id")),
    _count("clear_number"),
    _count("row_version"),  # raised by every write that is not the owner's
    Column("job_id", Id, ForeignKey("job.id", ondelete="SET NULL")),  # of dags test, backfill
    Column("note", Text),
    UniqueConstraint("dag_id", "run_id"),
    UniqueConstraint("dag_id", "logical_us"),
    Index("dag_run_version", "version_id"),
)

task_instance = Table(
    "task_instance",
    metadata,
    _id(),
    Column("dag_run_id", Id, ForeignKey("dag_run.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String(250), nullable=False),
    _count("map_index", -1),
    Column("state", String(32)),
    _count("try_number"),  # 0: never queued
    _count("max_tries"),
    Column("attempt", String(32)),  # token of the attempt that may write here
    Column("supervisor", String(64)),  # who claimed it
    Column("next_at_us", Moment),  # not before: of up_for_retry, up_for_reschedule
    Column("try_started_us", Moment),  # first start in this try: a sensor's timeout counts from it
    Column("queued_us", Moment),
    Column("start_us", Moment),
    Column("end_us", Moment),
    Column("operator", String(250)),
    Column("pool", String(250), nullable=False, server_default=text("'default_pool'")),
    _count("pool_slots", 1),
    Column("queue", String(250), nullable=False, server_default=text("'default'")),
    _count("priority_weight", 1),
    Column("executor", String(250)),
    Column("external_executor_id", String(250)),
    Column("hostname", String(250)),
    Column("pid", Integer),
    _count("stuck_count"),  # requeues of a stuck attempt in this try
    Column("skip_decision", Text),  # {"followed": […]} or {"skipped": […]}: part of the outcome
    Column("next_method", String(250)),
    Column("next_kwargs", Text),
    Column("version_id", Id),
    Column("note", Text),
    Column("changed_by", String(250)),  # actor of the last change: scheduler, host, user, …
    Column("change_cause", Text),
    Column("changed_at_us", Moment),
    # How many instances its result gives to tasks that are mapped over it; of one index of a
    # mapped task 1, if it returned something.
    Column("map_length", Integer),
    Column("rendered_map_index", String(250)),
    Column("trigger_spec", Text),  # JSON; of deferred: see `worker.task.deferral`
    Column("triggerer_id", Id),  # the job of a user's triggerer that runs the trigger
    UniqueConstraint("dag_run_id", "task_id", "map_index"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("token", String(32), primary_key=True),
    Column(
        "task_instance_id", Id, ForeignKey("task_instance.id", ondelete="CASCADE"), nullable=False
    ),
    Column("try_number", Integer, nullable=False),
    Column("supervisor", String(64)),
    Column("hostname", String(250)),
    Column("boot_id", String(64)),
    Column("pid", Integer),
    Column("process_start", BigInteger),
    Column("process_group", Integer),
    Column("queued_us", Moment, nullable=False),
    Column("claimed_us", Moment),
    Column("ended_us", Moment),
    Column("outcome", String(32)),  # what it reported, accepted or not
    _flag("accepted", default=False),
    Column("cause", Text),
    Column("exit_code", Integer),  # negative: the signal
    Column("max_rss_kb", Integer),
    Column("cpu_us", BigInteger),
    Column("version_id", Id),
    Column("executor", String(250)),  # that it was queued for; of a hybrid, the half
    Index("attempt_task_instance", "task_instance_id"),
)

task_event = Table(
    "task_event",
    metadata,
    _id(),
    Column("task_instance_id", Id, nullable=False),
    Column("dag_run_id", Id, nullable=False),
    Column("task_id", String(250), nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("attempt", String(32)),
    Column("from_state", String(32)),
    Column("to_state", String(32)),
    Column("actor", String(250)),
    Column("cause", Text),
    Column("at_us", Moment),
    Index("task_event_task_instance", "task_instance_id"),
    Index("task_event_at", "at_us"),
)

xcom = Table(
    "xcom",
    metadata,
    Column("dag_run_id", Id, ForeignKey("dag_run.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", String(250), primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("key", String(512), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("at_us", Moment, nullable=False),
)

rendered_fields = Table(
    "rendered_fields",
    metadata,
    Column(
        "task_instance_id", Id, ForeignKey("task_instance.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("fields", Text, nullable=False),  # JSON
)

#: Callbacks that no child can run any more: of DAG runs, and of attempts that were lost.
callback_request = Table(
    "callback_request",
    metadata,
    _id(),
    Column("kind", String(32), nullable=False),  # dag, task, alert
    Column("dag_run_id", Id, ForeignKey("dag_run.id", ondelete="CASCADE"), nullable=False),
    Column("task_instance_id", Id),
    Column("payload", Text, nullable=False),  # JSON
    Column("created_us", Moment, nullable=False),
    Column("started_us", Moment),
    Column("ended_us", Moment),
    Column("error", Text),
    Index("callback_request_dag_run", "dag_run_id"),
    Index("callback_request_ended", "ended_us"),
)

pool = Table(
    "pool",
    metadata,
    Column("name", String(250), primary_key=True),
    Column("slots", Integer, nullable=False),  # -1: no limit
    Column("description", Text),
    _flag("include_deferred", default=False),
)

#: `val` is encrypted where `is_encrypted` says so: `security.cipher`.
variable = Table(
    "variable",
    metadata,
    _id(),
    Column("key", String(250), nullable=False, unique=True),
    Column("val", Text, nullable=False),
    Column("description", Text),
    _flag("is_encrypted", default=False),
)

#: `password` and `extra` are encrypted where the flags say so.
connection = Table(
    "connection",
    metadata,
    _id(),
    Column("conn_id", String(250), nullable=False, unique=True),
    Column("conn_type", String(500), nullable=False),
    Column("description", Text),
    Column("host", String(500)),
    Column("schema", String(500)),
    Column("login", Text),
    Column("password", Text),
    Column("port", Integer),
    Column("extra", Text),  # JSON
    _flag("is_encrypted", default=False),
    _flag("is_extra_encrypted", default=False),
)

#: A name of data that DAGs have as outlets, or wait for. Indexed texts are short: `spec.datasets`.
dataset = Table(
    "dataset",
    metadata,
    _id(),
    Column("uri", String(2500), nullable=False, unique=True),
    Column("extra", Text, nullable=False, server_default=text("'{}'")),  # JSON
    Column("created_us", Moment, nullable=False),
    Column("updated_us", Moment, nullable=False),  # its extra; its changes are events
)

#: The datasets that tasks linked to an alias.
dataset_alias = Table(
    "dataset_alias",
    metadata,
    Column("alias", String(2500), primary_key=True),
    Column("dataset_id", Id, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Index("dataset_alias_dataset", "dataset_id"),
)

#: Where the newest definition of a DAG names a dataset or an alias: as an outlet of a task, or,
#: without a task, in its schedule.
dataset_use = Table(
    "dataset_use",
    metadata,
    _id(),
    Column("dag_id", String(250), nullable=False),
    Column("task_id", String(250)),
    Column("dataset_id", Id, ForeignKey("dataset.id", ondelete="CASCADE")),
    Column("alias", String(2500)),
    Index("dataset_use_dag", "dag_id"),
    Index("dataset_use_dataset", "dataset_id"),
    Index("dataset_use_alias", "alias"),
)

#: A change of a dataset, written with the end of the try that made it.
dataset_event = Table(
    "dataset_event",
    metadata,
    _id(),
    Column("dataset_id", Id, ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False),
    Column("extra", Text, nullable=False, server_default=text("'{}'")),  # JSON
    Column("source_dag_id", String(250)),
    Column("source_task_id", String(250)),
    Column("source_run_id", String(250)),
    Column("source_map_index", Integer),
    Column("at_us", Moment, nullable=False),
    Column("token", String(64)),  # of the attempt
    Column("number", Integer, nullable=False, server_default=text("0")),  # of those of the attempt
    UniqueConstraint("token", "number"),
    Index("dataset_event_of", "dataset_id", "at_us"),
    Index("dataset_event_at", "at_us"),
)

#: The aliases through which a task changed a dataset.
dataset_event_alias = Table(
    "dataset_event_alias",
    metadata,
    Column("event_id", Id, ForeignKey("dataset_event.id", ondelete="CASCADE"), primary_key=True),
    Column("alias", String(2500), primary_key=True),
    Index("dataset_event_alias_of", "alias"),
)

#: Events that no run of a DAG that waits for their datasets was made for yet.
dataset_queue = Table(
    "dataset_queue",
    metadata,
    Column("dag_id", String(250), primary_key=True),
    Column("event_id", Id, ForeignKey("dataset_event.id", ondelete="CASCADE"), primary_key=True),
    Index("dataset_queue_event", "event_id"),
)

#: The events that a run was made for.
dataset_consumption = Table(
    "dataset_consumption",
    metadata,
    Column("dag_run_id", Id, ForeignKey("dag_run.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", Id, ForeignKey("dataset_event.id", ondelete="CASCADE"), primary_key=True),
    Index("dataset_consumption_event", "event_id"),
)

#: Conditions as the partial indexes below have them, letter for letter, so that these serve.
UNFINISHED_RUN = text("dag_run.state IN ('queued', 'running')")
FINISHED_RUN = text("dag_run.state IN ('success', 'failed')")
ACTIVE_INSTANCE = text("task_instance.state IN ('queued', 'running', 'restarting')")
DEFERRED_INSTANCE = text("task_instance.state = 'deferred'")

#: Indexes over some rows: those that are not over yet; runs that are, by their end; what refers to
#: versions and jobs, which may go when nothing does. As text: `Index(…, postgresql_where=…)` would
#: load that database's dialect into every process.
PARTIAL_INDEXES = (
    "CREATE INDEX dag_run_unfinished ON dag_run (dag_id) WHERE state IN ('queued', 'running')",
    (
        "CREATE INDEX dag_run_over ON dag_run (coalesce(end_us, queued_us))"
        " WHERE state IN ('success', 'failed')"
    ),
    "CREATE INDEX dag_run_job ON dag_run (job_id) WHERE job_id IS NOT NULL",
    (
        "CREATE INDEX task_instance_active ON task_instance (state)"
        " WHERE state IN ('queued', 'running', 'restarting')"
    ),
    (
        "CREATE INDEX task_instance_version ON task_instance (version_id)"
        " WHERE version_id IS NOT NULL"
    ),
    "CREATE INDEX task_instance_deferred ON task_instance (state) WHERE state = 'deferred'",
    "CREATE INDEX callback_request_open ON callback_request (id) WHERE started_us IS NULL",
)

_EVENT_COLUMNS = (
    "task_instance_id, dag_run_id, task_id, map_index, try_number, attempt,"
    " from_state, to_state, actor, cause, at_us"
)
_EVENT_VALUES = (
    "NEW.id, NEW.dag_run_id, NEW.task_id, NEW.map_index, NEW.try_number, NEW.attempt,"
    " OLD.state, NEW.state, NEW.changed_by, NEW.change_cause, NEW.changed_at_us"
)
_INSERT_EVENT = f"INSERT INTO task_event ({_EVENT_COLUMNS}) VALUES ({_EVENT_VALUES});"  # noqa: S608

#: Dialect -> statements that make the trigger; migrations run the same.
TRIGGERS: dict[str, tuple[str, ...]] = {
    "sqlite": (
        (
            "CREATE TRIGGER task_instance_event AFTER UPDATE OF state, attempt ON task_instance"
            " WHEN OLD.state IS NOT NEW.state OR OLD.attempt IS NOT NEW.attempt"
            f" BEGIN {_INSERT_EVENT} END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION task_instance_event() RETURNS trigger AS $$"
            f" BEGIN {_INSERT_EVENT} RETURN NEW; END $$ LANGUAGE plpgsql"
        ),
        (
            "CREATE TRIGGER task_instance_event AFTER UPDATE OF state, attempt ON task_instance"
            " FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state"
            " OR OLD.attempt IS DISTINCT FROM NEW.attempt)"
            " EXECUTE FUNCTION task_instance_event()"
        ),
    ),
}

for _statement in PARTIAL_INDEXES:
    event.listen(metadata, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
for _dialect, _statements in TRIGGERS.items():
    for _statement in _statements:
        _ddl = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
        event.listen(metadata, "after_create", _ddl.execute_if(dialect=_dialect))

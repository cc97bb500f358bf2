"""The first schema.

A frozen copy: it says what the tables were, whatever `store.schema` has become since.
"""

from __future__ import annotations

from string import Template

from alembic import op

revision = "0001"
down_revision = None

#: What the databases call differently.
WORDS = {
    "sqlite": {
        "new_id": "INTEGER",
        "id": "INTEGER",
        "bytes": "BLOB",
        "false": "0",
        "true": "1",
    },
    "postgresql": {
        "new_id": "BIGSERIAL",
        "id": "BIGINT",
        "bytes": "BYTEA",
        "false": "false",
        "true": "true",
    },
}

TABLES = """
CREATE TABLE dag_file (
  path VARCHAR(1000) NOT NULL,
  fingerprint TEXT NOT NULL,
  parsed_us BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  dag_ids TEXT DEFAULT '[]' NOT NULL,
  error TEXT,
  warnings TEXT DEFAULT '[]' NOT NULL,
  pickled_by VARCHAR(100),
  PRIMARY KEY (path)
);

CREATE TABLE dag_pickle (
  id $new_id NOT NULL,
  dag_id VARCHAR(250) NOT NULL,
  version_id $id NOT NULL,
  python VARCHAR(16) NOT NULL,
  payload $bytes NOT NULL,
  digest VARCHAR(64) NOT NULL,
  signature VARCHAR(64) NOT NULL,
  created_us BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX dag_pickle_dag ON dag_pickle (dag_id);

CREATE TABLE dag_version (
  id $new_id NOT NULL,
  dag_id VARCHAR(250) NOT NULL,
  number INTEGER NOT NULL,
  digest VARCHAR(64) NOT NULL,
  spec TEXT NOT NULL,
  created_us BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (dag_id, number)
);

CREATE TABLE job (
  id $new_id NOT NULL,
  kind VARCHAR(32) NOT NULL,
  state VARCHAR(32) NOT NULL,
  hostname VARCHAR(250) NOT NULL,
  pid INTEGER NOT NULL,
  boot_id VARCHAR(64),
  process_start BIGINT,
  executor VARCHAR(250),
  start_us BIGINT NOT NULL,
  latest_beat_us BIGINT NOT NULL,
  end_us BIGINT,
  PRIMARY KEY (id)
);

CREATE TABLE pool (
  name VARCHAR(250) NOT NULL,
  slots INTEGER NOT NULL,
  description TEXT,
  include_deferred BOOLEAN DEFAULT $false NOT NULL,
  PRIMARY KEY (name)
);

CREATE TABLE task_event (
  id $new_id NOT NULL,
  task_instance_id $id NOT NULL,
  dag_run_id $id NOT NULL,
  task_id VARCHAR(250) NOT NULL,
  map_index INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  attempt VARCHAR(32),
  from_state VARCHAR(32),
  to_state VARCHAR(32),
  actor VARCHAR(250),
  cause TEXT,
  at_us BIGINT,
  PRIMARY KEY (id)
);
CREATE INDEX task_event_at ON task_event (at_us);
CREATE INDEX task_event_task_instance ON task_event (task_instance_id);

CREATE TABLE dag (
  dag_id VARCHAR(250) NOT NULL,
  fileloc TEXT NOT NULL,
  version_id $id,
  is_paused BOOLEAN DEFAULT $false NOT NULL,
  is_active BOOLEAN DEFAULT $true NOT NULL,
  owner_job_id $id,
  description TEXT,
  owners TEXT,
  tags TEXT DEFAULT '[]' NOT NULL,
  schedule TEXT,
  timetable_description TEXT,
  next_logical_us BIGINT,
  next_interval_start_us BIGINT,
  next_interval_end_us BIGINT,
  next_create_after_us BIGINT,
  last_parsed_us BIGINT,
  pickle_id $id,
  last_pickled_us BIGINT,
  row_version INTEGER DEFAULT 0 NOT NULL,
  PRIMARY KEY (dag_id),
  FOREIGN KEY(owner_job_id) REFERENCES job (id) ON DELETE SET NULL
);

CREATE TABLE dag_run (
  id $new_id NOT NULL,
  dag_id VARCHAR(250) NOT NULL,
  run_id VARCHAR(250) NOT NULL,
  run_type VARCHAR(32) NOT NULL,
  state VARCHAR(32) NOT NULL,
  logical_us BIGINT NOT NULL,
  interval_start_us BIGINT NOT NULL,
  interval_end_us BIGINT NOT NULL,
  queued_us BIGINT NOT NULL,
  start_us BIGINT,
  end_us BIGINT,
  external_trigger BOOLEAN DEFAULT $false NOT NULL,
  conf TEXT DEFAULT '{}' NOT NULL,
  version_id $id,
  clear_number INTEGER DEFAULT 0 NOT NULL,
  row_version INTEGER DEFAULT 0 NOT NULL,
  job_id $id,
  note TEXT,
  PRIMARY KEY (id),
  UNIQUE (dag_id, run_id),
  UNIQUE (dag_id, logical_us),
  FOREIGN KEY(version_id) REFERENCES dag_version (id),
  FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE SET NULL
);

CREATE TABLE supervisor (
  id VARCHAR(64) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  job_id $id,
  hostname VARCHAR(250) NOT NULL,
  boot_id VARCHAR(64),
  pid INTEGER NOT NULL,
  process_start BIGINT,
  start_us BIGINT NOT NULL,
  beat_count BIGINT DEFAULT 0 NOT NULL,
  latest_beat_us BIGINT NOT NULL,
  end_us BIGINT,
  end_cause TEXT,
  PRIMARY KEY (id),
  FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE SET NULL
);

CREATE TABLE callback_request (
  id $new_id NOT NULL,
  kind VARCHAR(32) NOT NULL,
  dag_run_id $id NOT NULL,
  task_instance_id $id,
  payload TEXT NOT NULL,
  created_us BIGINT NOT NULL,
  started_us BIGINT,
  ended_us BIGINT,
  error TEXT,
  PRIMARY KEY (id),
  FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE
);
CREATE INDEX callback_request_dag_run ON callback_request (dag_run_id);

CREATE TABLE task_instance (
  id $new_id NOT NULL,
  dag_run_id $id NOT NULL,
  task_id VARCHAR(250) NOT NULL,
  map_index INTEGER DEFAULT (-1) NOT NULL,
  state VARCHAR(32),
  try_number INTEGER DEFAULT 0 NOT NULL,
  max_tries INTEGER DEFAULT 0 NOT NULL,
  attempt VARCHAR(32),
  supervisor VARCHAR(64),
  next_at_us BIGINT,
  try_started_us BIGINT,
  queued_us BIGINT,
  start_us BIGINT,
  end_us BIGINT,
  operator VARCHAR(250),
  pool VARCHAR(250) DEFAULT 'default_pool' NOT NULL,
  pool_slots INTEGER DEFAULT 1 NOT NULL,
  queue VARCHAR(250) DEFAULT 'default' NOT NULL,
  priority_weight INTEGER DEFAULT 1 NOT NULL,
  executor VARCHAR(250),
  external_executor_id VARCHAR(250),
  hostname VARCHAR(250),
  pid INTEGER,
  stuck_count INTEGER DEFAULT 0 NOT NULL,
  skip_decision TEXT,
  next_method VARCHAR(250),
  next_kwargs TEXT,
  version_id $id,
  note TEXT,
  changed_by VARCHAR(250),
  change_cause TEXT,
  changed_at_us BIGINT,
  PRIMARY KEY (id),
  UNIQUE (dag_run_id, task_id, map_index),
  FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE
);

CREATE TABLE task_map (
  dag_run_id $id NOT NULL,
  task_id VARCHAR(250) NOT NULL,
  map_index INTEGER NOT NULL,
  length INTEGER NOT NULL,
  keys TEXT,
  PRIMARY KEY (dag_run_id, task_id, map_index),
  FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE
);

CREATE TABLE xcom (
  dag_run_id $id NOT NULL,
  task_id VARCHAR(250) NOT NULL,
  map_index INTEGER NOT NULL,
  key VARCHAR(512) NOT NULL,
  value TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (dag_run_id, task_id, map_index, key),
  FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE
);

CREATE TABLE attempt (
  token VARCHAR(32) NOT NULL,
  task_instance_id $id NOT NULL,
  try_number INTEGER NOT NULL,
  supervisor VARCHAR(64),
  hostname VARCHAR(250),
  boot_id VARCHAR(64),
  pid INTEGER,
  process_start BIGINT,
  process_group INTEGER,
  queued_us BIGINT NOT NULL,
  claimed_us BIGINT,
  ended_us BIGINT,
  outcome VARCHAR(32),
  accepted BOOLEAN DEFAULT $false NOT NULL,
  cause TEXT,
  exit_code INTEGER,
  max_rss_kb INTEGER,
  cpu_us BIGINT,
  version_id $id,
  PRIMARY KEY (token),
  FOREIGN KEY(task_instance_id) REFERENCES task_instance (id) ON DELETE CASCADE
);
CREATE INDEX attempt_task_instance ON attempt (task_instance_id);

CREATE TABLE rendered_fields (
  task_instance_id $id NOT NULL,
  fields TEXT NOT NULL,
  PRIMARY KEY (task_instance_id),
  FOREIGN KEY(task_instance_id) REFERENCES task_instance (id) ON DELETE CASCADE
);

CREATE INDEX dag_run_unfinished ON dag_run (dag_id)
  WHERE state IN ('queued', 'running');
CREATE INDEX task_instance_active ON task_instance (state)
  WHERE state IN ('queued', 'running', 'restarting');
CREATE INDEX callback_request_open ON callback_request (id)
  WHERE started_us IS NULL;
"""

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
    """Make every table, every index, and the trigger that writes task_event."""
    dialect = op.get_context().dialect.name
    tables = Template(TABLES).substitute(WORDS[dialect])
    for statement in (*tables.strip().removesuffix(";").split(";\n"), *TRIGGERS[dialect]):
        op.execute(statement.strip())

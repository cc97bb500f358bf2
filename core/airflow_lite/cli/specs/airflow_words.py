"""Words of Airflow's command line that are no commands here, and what serves instead of each."""

from __future__ import annotations

_NO_WEB = (
    "There is no web interface. See runs with `airflow-lite dags list-runs`, and logs with"
    " `airflow-lite tasks logs`."
)
_NO_USERS = (
    "There are no users and no roles: whoever may read and write the home may do everything."
)
_NO_TRIGGERER = "There is no triggerer: sensors in reschedule mode wait without taking a slot."
_IN_ENVIRONMENT = "{} come from the environment alone: set {}, and leave out this command."
_NO_BACKFILL = (
    "There is no backfill. Make each run with"
    " `airflow-lite dags trigger DAG -e DATE --scheduled-interval`, or give the DAG catchup=True."
)
_ARCHIVES_NOTHING = "`airflow-lite db clean` archives nothing."

#: A first word -> what to tell of it.
COMMANDS = {
    "api-server": _NO_WEB,
    "backfill": _NO_BACKFILL,
    "cheat-sheet": "There is no cheat sheet. See `airflow-lite --help`, or `airflow-lite man`.",
    "connections": _IN_ENVIRONMENT.format("Connections", "AIRFLOW_CONN_NAME"),
    "dag-processor": "`airflow-lite scheduler` reads the DAG files: nothing else is started.",
    "kerberos": "There is no Kerberos. Have the system renew tickets, such as with `k5start`.",
    "kubernetes": "There is no KubernetesExecutor yet, and no command of it.",
    "providers": (
        "There are no providers. `airflow-lite plugins list` shows what is installed beside the"
        " core."
    ),
    "roles": _NO_USERS,
    "rotate-fernet-key": "Nothing is encrypted with a Fernet key: there is nothing to rotate.",
    "standalone": (
        "`airflow-lite quickstart` makes a home and runs an example; `airflow-lite scheduler` is"
        " all that runs after that."
    ),
    "sync-perm": _NO_USERS,
    "triggerer": _NO_TRIGGERER,
    "users": _NO_USERS,
    "variables": _IN_ENVIRONMENT.format("Variables", "AIRFLOW_VAR_NAME"),
    "webserver": _NO_WEB,
}
#: A group that there is, and a word of it -> what to tell of it.
SUBCOMMANDS: dict[tuple[str, ...], str] = {
    ("dags", "backfill"): _NO_BACKFILL,
    ("dags", "list-jobs"): "Jobs are not listed. `airflow-lite jobs check` says if one is alive.",
    ("dags", "report"): (
        "There is no report. `airflow-lite dags list-import-errors` shows the files that fail."
    ),
    ("dags", "reserialize"): (
        "DAG files are read again whenever they change: there is nothing to serialise by hand."
    ),
    ("dags", "show-dependencies"): (
        "What DAGs wait for others is not shown. `airflow-lite dags show DAG` draws one DAG."
    ),
    ("dags", "state"): "`airflow-lite dags list-runs -d DAG` shows the state of each run.",
    ("db", "check-migrations"): "`airflow-lite db check` also tells if a migration is due.",
    ("db", "downgrade"): "A database cannot go back. Restore a backup of the older version.",
    ("db", "drop-archived"): _ARCHIVES_NOTHING,
    ("db", "export-archived"): _ARCHIVES_NOTHING,
    ("db", "init"): "Use `airflow-lite db migrate`; the first command makes the database anyway.",
    ("db", "shell"): (
        "Open what `airflow-lite config get-value database sql_alchemy_conn` names with `sqlite3`"
        " or `psql`."
    ),
    ("db", "upgrade"): "Use `airflow-lite db migrate`.",
    ("pools", "export"): "`airflow-lite pools list -o json` prints all pools.",
    ("pools", "import"): "Make each pool with `airflow-lite pools set`.",
    ("tasks", "failed-deps"): (
        "`airflow-lite tasks history DAG TASK RUN` shows what happened to a task, and why."
    ),
}

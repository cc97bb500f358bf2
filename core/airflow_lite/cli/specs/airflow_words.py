"""Words of Airflow's command line that are no commands here, and what serves instead of each."""

from __future__ import annotations

_NO_WEB = "The package airflow-lite-web brings pages and Airflow's REST API: see `web --help`."
_NO_USERS = (
    "The package airflow-lite-web has users: `web users` says who may sign in, and do what."
    " On the command line, whoever may read and write the home may do everything."
)
_ARCHIVES_NOTHING = "`airflow-lite db clean` archives nothing."

#: A first word -> what to tell of it.
COMMANDS = {
    "api-server": _NO_WEB,
    "backfill": "`airflow-lite dags backfill DAG -s DATE -e DATE` runs a DAG for a range of dates.",
    "dag-processor": "`airflow-lite scheduler` reads the DAG files: nothing else is started.",
    "kerberos": "There is no Kerberos. Have the system renew tickets, such as with `k5start`.",
    "providers": (
        "Airflow's providers come by way of airflow-lite-airflow-names. `airflow-lite plugins list`"
        " shows what is installed beside the core."
    ),
    "roles": _NO_USERS,
    "sync-perm": _NO_USERS,
    "users": _NO_USERS,
    "webserver": _NO_WEB,
}
#: A group that there is, and a word of it -> what to tell of it.
SUBCOMMANDS: dict[tuple[str, ...], str] = {
    ("connections", "create-default-connections"): (
        "There are no default connections. Add those that you use with `airflow-lite connections"
        " add`."
    ),
    ("dags", "list-jobs"): "Jobs are not listed. `airflow-lite jobs check` says if one is alive.",
    ("dags", "reserialize"): (
        "DAG files are read again whenever they change: there is nothing to serialise by hand."
    ),
    ("dags", "state"): "`airflow-lite dags list-runs -d DAG` shows the state of each run.",
    ("db", "check-migrations"): "`airflow-lite db check` also tells if a migration is due.",
    ("db", "downgrade"): "A database cannot go back. Restore a backup of the older version.",
    ("db", "drop-archived"): _ARCHIVES_NOTHING,
    ("db", "export-archived"): _ARCHIVES_NOTHING,
    ("db", "shell"): (
        "Open what `airflow-lite config get-value database sql_alchemy_conn` names with `sqlite3`"
        " or `psql`."
    ),
    ("pools", "export"): "`airflow-lite pools list -o json` prints all pools.",
    ("pools", "import"): "Make each pool with `airflow-lite pools set`.",
}
#: A command that there is, and an option of it that Airflow has -> what to tell of it.
OPTIONS = {
    (command, option): (
        "It stays in the foreground, for systemd or a container to run: see the page 'Run the"
        " scheduler as a service' of the documentation."
    )
    for command in ("scheduler", "triggerer")
    for option in ("-D", "--daemon")
}
#: Words of a command of Airflow's, and of the one that does the same here.
RENAMED: dict[tuple[str, ...], tuple[str, str]] = {
    ("db", "init"): ("db", "migrate"),
    ("db", "upgrade"): ("db", "migrate"),
}

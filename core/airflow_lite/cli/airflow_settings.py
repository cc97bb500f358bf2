"""Settings of an airflow.cfg: which of them are settings here, and what serves for the others."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.errors import ConfigError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow_lite.config import Config

    Key = tuple[str, str]

CARRIED, WITHOUT_EFFECT, REFUSED = "carried over", "no effect", "refused"

#: Settings that Airflow moved to another section or name, as it still reads them.
_MOVED: dict[Key, Key] = {
    ("celery", "default_queue"): ("operators", "default_queue"),
    ("celery", "stalled_task_timeout"): ("scheduler", "task_queued_timeout"),
    ("celery", "worker_log_server_port"): ("logging", "worker_log_server_port"),
    ("core", "dag_concurrency"): ("core", "max_active_tasks_per_dag"),
    ("core", "logging_level"): ("logging", "logging_level"),
    ("core", "non_pooled_task_slot_count"): ("core", "default_pool_task_slot_count"),
}
_MOVED_SECTIONS = {"kubernetes": "kubernetes_executor"}
_COMMANDS_AND_SECRETS = ("_cmd", "_secret")

_NO_WEB_SERVER = "The pages are of airflow-lite-web, which has settings of its own in [web]."
_NO_LOOPS = "The scheduler wakes up when something happens: it has no such loop or limit."
_TRACEBACKS = "An import error is told with the line and the traceback of the file's own code."
_PARSING = "Each DAG file is parsed in a process of its own, whenever it has changed."
_HEALTH = "`airflow-lite jobs check` tells whether the scheduler is well."
_OWN_DATABASE = (
    "airflow-lite makes a database of its own: it would not work on Airflow's, nor leave it whole."
)
_JSON = "XComs are JSON: no class is imported for them."
_OWN_LOGS = "Logs are kept apart from Airflow's. Set it yourself to have them in one folder."
_NO_REMOTE_LOGS = "Logs stay where tasks run, and are read from there: nothing is uploaded."
_LOG_LINES = "Lines of a log have one form."
_SERIALIZED = "DAGs are saved whenever they change, and read as they were saved."
_ISOLATED = "Tasks never reach the database: their task host asks it for them."
_POOL_OF_CONNECTIONS = "A process has one or two connections, and renews them by itself."
_FOUND = "Plugins are distributions with entry points: see `airflow-lite plugins list`."

#: What serves for the settings of a section, and for single ones.
_INSTEAD: dict[str | Key, str] = {
    "api": _NO_WEB_SERVER,
    "cli": "The commands work on the database, not through an API.",
    "dask": "Its executor of Airflow's is DaskExecutor here: install airflow-lite-dask-executor.",
    "debug": "`airflow-lite dags test` runs all that trigger rules allow after a failure.",
    "elasticsearch": _NO_REMOTE_LOGS,
    "kerberos": "Have the system renew tickets, such as with `k5start`.",
    "lineage": "There are no lineage backends.",
    "metrics": "StatsD is not spoken. See the how-to page on monitoring.",
    "scheduler": _NO_LOOPS,
    "traces": "No traces are sent.",
    "triggerer": "Schedulers run triggers, or `airflow-lite triggerer` does.",
    "webserver": _NO_WEB_SERVER,
    ("core", "allowed_deserialization_classes"): _JSON,
    ("core", "allowed_deserialization_classes_regexp"): _JSON,
    ("core", "auth_manager"): _NO_WEB_SERVER,
    ("core", "check_slas"): "There are no SLAs. Use execution_timeout or dagrun_timeout.",
    ("core", "compress_serialized_dags"): _SERIALIZED,
    ("core", "daemon_umask"): "Files are for their owner alone, whatever the umask.",
    ("core", "dag_file_processor_timeout"): "Set [core] dagbag_import_timeout.",
    ("core", "database_access_isolation"): _ISOLATED,
    ("core", "dag_run_conf_overrides_params"): "The conf of a run always overrides params.",
    ("core", "dagbag_import_error_traceback_depth"): _TRACEBACKS,
    ("core", "dagbag_import_error_tracebacks"): _TRACEBACKS,
    ("core", "default_impersonation"): "run_as_user is refused: start a scheduler as that user.",
    ("core", "enable_xcom_pickling"): "XComs are JSON. Return what JSON can hold, or a path to it.",
    ("core", "execute_tasks_new_python_interpreter"): (
        "Each task has a process of its own, forked from one that has its DAG file imported."
    ),
    ("core", "hostname_callable"): "Set [core] hostname, where the machine's name does not do.",
    ("core", "internal_api_secret_key"): _ISOLATED,
    ("core", "internal_api_url"): _ISOLATED,
    ("core", "lazy_discover_providers"): "Providers' hooks are looked up when they are asked for.",
    ("core", "lazy_load_plugins"): _FOUND,
    ("core", "load_examples"): "`airflow-lite quickstart` makes an example DAG.",
    ("core", "max_num_rendered_ti_fields_per_task"): "Rendered fields go when their run goes.",
    ("core", "min_serialized_dag_fetch_interval"): _SERIALIZED,
    ("core", "min_serialized_dag_update_interval"): _SERIALIZED,
    ("core", "mp_start_method"): "How processes are started is fixed.",
    ("core", "plugins_folder"): _FOUND,
    ("core", "task_runner"): "How tasks are started is fixed.",
    ("core", "unit_test_mode"): "Give tests a home of their own by AIRFLOW_LITE_HOME.",
    ("core", "xcom_backend"): "XComs are in the database. Return a path to what is too large.",
    ("database", "load_default_connections"): "No example connections are made.",
    "database": _POOL_OF_CONNECTIONS,
    ("logging", "colored_console_log"): "Colour follows the terminal, and NO_COLOR.",
    ("logging", "delete_local_logs"): _NO_REMOTE_LOGS,
    ("logging", "encrypt_s3_logs"): _NO_REMOTE_LOGS,
    ("logging", "google_key_path"): _NO_REMOTE_LOGS,
    ("logging", "logging_config_class"): "Logging is not configured by a class.",
    ("logging", "remote_base_log_folder"): _NO_REMOTE_LOGS,
    ("logging", "remote_log_conn_id"): _NO_REMOTE_LOGS,
    ("logging", "remote_logging"): _NO_REMOTE_LOGS,
    ("logging", "remote_task_handler_kwargs"): _NO_REMOTE_LOGS,
    "logging": _LOG_LINES,
    (
        "operators",
        "allow_illegal_arguments",
    ): "Arguments that an operator does not know are errors.",
    ("scheduler", "create_cron_data_intervals"): (
        "Give a DAG CronTriggerTimetable for runs without intervals."
    ),
    ("scheduler", "dag_dir_list_interval"): "Set [scheduler] min_file_process_interval.",
    ("scheduler", "enable_health_check"): _HEALTH,
    ("scheduler", "file_parsing_sort_mode"): _PARSING,
    ("scheduler", "parsing_pre_import_modules"): _PARSING,
    ("scheduler", "parsing_processes"): _PARSING,
    ("scheduler", "scheduler_health_check_server_host"): _HEALTH,
    ("scheduler", "scheduler_health_check_server_port"): _HEALTH,
    ("scheduler", "scheduler_health_check_threshold"): _HEALTH,
    ("scheduler", "standalone_dag_processor"): _PARSING,
    ("operators", "default_owner"): "Set owner in the DAG's default_args.",
}
#: What is a setting here too, but is not to be that of an Airflow beside it.
_APART: dict[Key, str] = {
    ("core", "sql_alchemy_conn"): _OWN_DATABASE,
    ("database", "sql_alchemy_conn"): _OWN_DATABASE,
    ("core", "base_log_folder"): _OWN_LOGS,
    ("logging", "base_log_folder"): _OWN_LOGS,
}
#: Values that say what holds here without them.
_AS_IT_IS: dict[Key, str] = {("email", "email_backend"): "airflow.utils.email.send_email_smtp"}
_SAME = "It is so already."
_NOT_HERE = "There is no such setting."


class Setting(NamedTuple):
    """A setting of an airflow.cfg, under the name that it has here, what becomes of it, and why."""

    section: str
    name: str
    value: str
    verdict: str
    note: str = ""


def read_airflow_cfg(path: Path) -> dict[Key, str]:
    """Return the settings of an airflow.cfg as Airflow would read them; raise `UserError`."""
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Name an airflow.cfg.") from None
    except (UnicodeDecodeError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is no configuration of Airflow: {reason}") from None
    return {
        (section.lower(), name): _plain(value)
        for section in parser.sections()
        for name, value in parser.items(section)
    }


def _plain(value: str) -> str:
    """Return a value with its variables in place, of a file that says %% for %."""
    return os.path.expanduser(os.path.expandvars(value.replace("%%", "%"))).strip()


def judged(settings: Mapping[Key, str], config: Config) -> Iterator[Setting]:
    """Say of each setting what becomes of it in `config`, whose plugins' options are known."""
    known = {(option.section, option.name) for option in config.options()}
    sections = {section for section, _ in known}
    for was, value in settings.items():
        key = _moved(was)
        if reason := _APART.get(was):
            yield Setting(*key, value, REFUSED, reason)
        elif key in known:
            yield _carried(key, value, config)
        else:
            yield Setting(*key, value, WITHOUT_EFFECT, _instead(key, known, sections))


def _moved(key: Key) -> Key:
    section, name = _MOVED.get(key, key)
    return _MOVED_SECTIONS.get(section, section), name


def _carried(key: Key, value: str, config: Config) -> Setting:
    present, source = config.lookup(*key)
    if _is_same(value, present) or value == _AS_IT_IS.get(key):
        return Setting(*key, value, CARRIED, _SAME)
    if source != "default":
        return Setting(*key, value, REFUSED, f"It is set here already (from {source}).")
    if fault := _fault(key, value, config):
        return Setting(*key, value, REFUSED, fault)
    return Setting(*key, value, CARRIED)


def _is_same(value: str, other: str) -> bool:
    """Whether two values mean the same: 30.0 and 30, True and true."""
    with suppress(ValueError):
        return float(value) == float(other)
    return value.lower() == other.lower() if other in {"True", "False"} else value == other


def _fault(key: Key, value: str, config: Config) -> str | None:
    """Return why a value cannot be that of an option here."""
    from airflow_lite.config import Config as Fresh

    fresh = Fresh(config.home, {}, {key[0]: {key[1]: value}}, plugin_options=config.plugin_options)
    try:
        fresh.check()
    except ConfigError as error:
        return str(error)
    return None


def _instead(key: Key, known: set[Key], sections: set[str]) -> str:
    section, name = key
    for ending in _COMMANDS_AND_SECRETS:
        if (section, name.removesuffix(ending)) in known:
            plain = name.removesuffix(ending)
            return f"Values are not read from commands or secrets backends. Set {plain} itself."
    if reason := _INSTEAD.get(key) or _INSTEAD.get(section):
        return reason
    if section not in sections:
        return f"Nothing that is installed here has settings in [{section}]."
    return _NOT_HERE

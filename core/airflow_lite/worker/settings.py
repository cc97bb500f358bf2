"""What a task host goes by, read once from the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.security.cipher import Cipher
from airflow_lite.worker.task.sentry import SentrySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config
    from airflow_lite.parsing.authoring_hooks import AuthoringHook


@dataclass(frozen=True)
class HostSettings:
    """Durations in seconds, sizes in bytes."""

    home: Path
    log_folder: Path
    dags_folder: str
    hostname: str
    log_level: str
    max_log_bytes: int
    max_xcom_bytes: int
    beat_interval_s: float
    beat_timeout_s: float
    kill_grace_s: float
    callback_timeout_s: float
    import_timeout_s: float
    max_retry_delay_s: float
    reschedules_sensors: bool | None  # None: ask `finds_rescheduling`, where it matters
    authoring: tuple[AuthoringHook, ...] = ()  # what is called before a DAG file is imported
    needs_pickles: bool = False  # no attempt is run from a file that the store names
    sentry: SentrySettings | None = None  # None: nothing is reported
    #: Returns the key that pickled DAGs are signed with. None: the user did not turn those on.
    pickle_key: Callable[[], bytes] | None = None
    cipher: Cipher | None = None  # of what the store keeps encrypted
    #: Returns whether the executor cannot bear sensors that poke: a plugin is probed for it.
    finds_rescheduling: Callable[[], bool] = lambda: False

    @classmethod
    def read(cls, config: Config, *, is_for_one: bool = False) -> HostSettings:
        """Read the options; raise `ConfigError` for one that is wrong.

        `is_for_one` attempt, the executor is not asked what that attempt may not need to know.
        """
        from functools import partial

        from airflow_lite.plugins.authoring import authoring_hooks

        finds_rescheduling = partial(_flag, config, "change_sensor_mode_to_reschedule")
        return cls(
            home=config.home,
            log_folder=config.getpath("logging", "base_log_folder"),
            dags_folder=str(config.getpath("core", "dags_folder")),
            hostname=config.hostname,
            log_level=config.get("logging", "logging_level"),
            max_log_bytes=config.getint("logging", "max_task_log_size_mb") << 20,
            max_xcom_bytes=config.getint("core", "max_xcom_size"),
            beat_interval_s=config.getfloat("scheduler", "beat_interval_s"),
            beat_timeout_s=config.getfloat("scheduler", "beat_timeout_s"),
            kill_grace_s=config.getfloat("core", "killed_task_cleanup_time"),
            callback_timeout_s=config.getfloat("scheduler", "callback_timeout_s"),
            import_timeout_s=config.getfloat("core", "dagbag_import_timeout"),
            max_retry_delay_s=config.getfloat("core", "max_task_retry_delay"),
            reschedules_sensors=None if is_for_one else finds_rescheduling(),
            finds_rescheduling=finds_rescheduling,
            sentry=_sentry(config),
            pickle_key=_pickle_key(config),
            needs_pickles=_needs_pickles(config),
            authoring=authoring_hooks(config),
            cipher=Cipher(config),
        )


def _sentry(config: Config) -> SentrySettings | None:
    settings = SentrySettings.read(config)
    return settings if settings is not None and _flag(config, "supports_sentry") else None


def _pickle_key(config: Config) -> Callable[[], bytes] | None:
    if config.getboolean("core", "donot_pickle"):
        return None
    from functools import partial

    from airflow_lite.security.signing import checking_key

    return partial(checking_key, config)


def _needs_pickles(config: Config) -> bool:
    return not config.getboolean("core", "donot_pickle") and _flag(config, "supports_pickling")


def _flag(config: Config, flag: str) -> bool:
    """Read a flag of the executor: of the core's by its class, of a plugin's by its probe."""
    from airflow_lite.errors import UserError
    from airflow_lite.plugins.executors import executor_flag

    try:
        return executor_flag(config.get("core", "executor"), flag, config)
    except UserError:
        return False  # whoever started this process runs attempts by other means

"""The configured defaults of authors' arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.states import WeightRule


@dataclass(frozen=True)
class AuthorDefaults:
    """Defaults of DAGs, operators and sensors, read from the configuration."""

    timezone: tzinfo
    catchup: bool
    max_active_tasks: int
    max_active_runs: int
    max_consecutive_failed_dag_runs: int
    max_dag_tasks: int
    max_map_length: int
    retries: int
    retry_delay: timedelta
    email_on_retry: bool
    email_on_failure: bool
    weight_rule: WeightRule
    execution_timeout: timedelta | None
    queue: str
    sensor_timeout_s: float

    @classmethod
    def load(cls, config: Config | None = None) -> AuthorDefaults:
        """Read them from `config`, or from the process's own; raise `ConfigError`."""
        config = config or Config.load()
        return cls(
            timezone=default_timezone(config),
            catchup=config.getboolean("scheduler", "catchup_by_default"),
            max_active_tasks=config.getint("core", "max_active_tasks_per_dag"),
            max_active_runs=config.getint("core", "max_active_runs_per_dag"),
            max_consecutive_failed_dag_runs=config.getint(
                "core", "max_consecutive_failed_dag_runs_per_dag"
            ),
            max_dag_tasks=config.getint("core", "max_dag_tasks"),
            max_map_length=config.getint("core", "max_map_length"),
            retries=config.getint("core", "default_task_retries"),
            retry_delay=timedelta(seconds=config.getfloat("core", "default_task_retry_delay")),
            email_on_retry=config.getboolean("email", "default_email_on_retry"),
            email_on_failure=config.getboolean("email", "default_email_on_failure"),
            weight_rule=_weight_rule(config.get("core", "default_task_weight_rule")),
            execution_timeout=_optional_seconds(config, "default_task_execution_timeout"),
            queue=config.get("operators", "default_queue"),
            sensor_timeout_s=config.getfloat("sensors", "default_timeout"),
        )


def default_timezone(config: Config) -> tzinfo:
    """Return `[core] default_timezone`; raise `ConfigError` if there is no such zone."""
    from airflow_lite.spec.pace import zone

    name = config.get("core", "default_timezone")
    try:
        return zone(name)
    except ValueError:
        raise ConfigError(
            f"[core] default_timezone is {name!r}, which is no time zone. Write for example utc"
            " or Europe/Berlin."
        ) from None


def _weight_rule(name: str) -> WeightRule:
    try:
        return WeightRule(name.strip())
    except ValueError:
        rules = ", ".join(WeightRule)
        raise ConfigError(
            f"[core] default_task_weight_rule is {name!r}. Make it one of {rules}."
        ) from None


def _optional_seconds(config: Config, name: str) -> timedelta | None:
    if not config.get("core", name).strip():
        return None
    return timedelta(seconds=config.getfloat("core", name))

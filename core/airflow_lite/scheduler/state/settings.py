"""The numbers that the loop goes by, read once and checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError
from airflow_lite.worker.in_process.alert import AlertSettings

if TYPE_CHECKING:
    from airflow_lite.config import Config


@dataclass(frozen=True)
class Settings:
    """Options of `[scheduler]`, in seconds, and what the loop needs of `[core]`."""

    shutdown_grace_s: float
    task_queued_timeout_s: float
    stuck_retries: int
    beat_interval_s: float
    beat_timeout_s: float
    lease_timeout_s: float
    fallback_poll_s: float
    executor_budget_s: float
    callback_timeout_s: float
    max_retry_delay_s: float
    use_job_schedule: bool
    catchup_notice: int
    log_runs: bool
    alerts_of_failures: bool

    @classmethod
    def read(cls, config: Config) -> Settings:
        """Read the options; raise `ConfigError` for one that is wrong or does not fit another."""
        settings = cls(
            shutdown_grace_s=config.getfloat("scheduler", "shutdown_grace_s"),
            task_queued_timeout_s=config.getfloat("scheduler", "task_queued_timeout"),
            stuck_retries=config.getint("scheduler", "num_stuck_in_queued_retries"),
            beat_interval_s=config.getfloat("scheduler", "beat_interval_s"),
            beat_timeout_s=config.getfloat("scheduler", "beat_timeout_s"),
            lease_timeout_s=config.getfloat("scheduler", "lease_timeout_s"),
            fallback_poll_s=config.getfloat("scheduler", "fallback_poll_s"),
            executor_budget_s=config.getfloat("scheduler", "executor_budget_s"),
            callback_timeout_s=config.getfloat("scheduler", "callback_timeout_s"),
            max_retry_delay_s=config.getfloat("core", "max_task_retry_delay"),
            use_job_schedule=config.getboolean("scheduler", "use_job_schedule"),
            catchup_notice=config.getint("scheduler", "catchup_notice"),
            log_runs=config.getboolean("scheduler", "log_runs"),
            alerts_of_failures=AlertSettings.read(config).is_on,
        )
        if settings.beat_interval_s * 3 > settings.beat_timeout_s:
            raise ConfigError(
                f"[scheduler] beat_interval_s is {settings.beat_interval_s:g} and beat_timeout_s"
                f" is {settings.beat_timeout_s:g}. Make the timeout at least three intervals."
            )
        return settings

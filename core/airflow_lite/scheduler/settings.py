"""The numbers that the loop goes by, read once and checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from airflow_lite.config import Config

_POSITIVE = (
    "shutdown_grace_s",
    "task_queued_timeout",
    "beat_interval_s",
    "beat_timeout_s",
    "lease_timeout_s",
    "fallback_poll_s",
    "executor_budget_s",
    "callback_timeout_s",
)


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

    @classmethod
    def read(cls, config: Config) -> Settings:
        """Read the options; raise `ConfigError` for one that is wrong or does not fit another."""
        numbers = {name: _number(config, name) for name in _POSITIVE}
        if numbers["beat_interval_s"] * 3 > numbers["beat_timeout_s"]:
            raise ConfigError(
                f"[scheduler] beat_interval_s is {numbers['beat_interval_s']:g} and beat_timeout_s"
                f" is {numbers['beat_timeout_s']:g}. Make the timeout at least three intervals."
            )
        return cls(
            shutdown_grace_s=numbers["shutdown_grace_s"],
            task_queued_timeout_s=numbers["task_queued_timeout"],
            stuck_retries=config.getint("scheduler", "num_stuck_in_queued_retries"),
            beat_interval_s=numbers["beat_interval_s"],
            beat_timeout_s=numbers["beat_timeout_s"],
            lease_timeout_s=numbers["lease_timeout_s"],
            fallback_poll_s=numbers["fallback_poll_s"],
            executor_budget_s=numbers["executor_budget_s"],
            callback_timeout_s=numbers["callback_timeout_s"],
            max_retry_delay_s=config.getfloat("core", "max_task_retry_delay"),
            use_job_schedule=config.getboolean("scheduler", "use_job_schedule"),
        )


def _number(config: Config, name: str) -> float:
    value = config.getfloat("scheduler", name)
    if not value > 0 and name != "shutdown_grace_s":
        raise ConfigError(f"[scheduler] {name} is {value:g}. Make it more than 0.")
    if value < 0:
        raise ConfigError(f"[scheduler] {name} is {value:g}. Make it 0 or more.")
    return value

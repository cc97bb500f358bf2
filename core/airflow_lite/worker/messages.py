"""What a child is told of the attempt that it runs, and what it reports of its end."""

from __future__ import annotations

from typing import Any, NamedTuple

#: What is called back for a try that failed, by the state that follows.
CALLBACK_OF = {"failed": "on_failure", "up_for_retry": "on_retry"}


class AttemptRequest(NamedTuple):
    """One attempt, as the host sends it to a zygote. Moments are microseconds, key a list."""

    key: tuple[str, str, str, int, int, str]
    run: dict[str, Any]
    max_tries: int = 0
    start_us: int | None = None
    try_started_us: int | None = None
    queued_us: int | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    queue: str = "default"
    priority_weight: int = 1
    hostname: str = ""
    fileloc: str = ""
    max_xcom_bytes: int = 1 << 20
    max_log_bytes: int = 256 << 20
    log_level: str = "INFO"
    test_mode: bool = False
    reschedules_sensors: bool = False  # the executor cannot bear sensors that poke
    notices: tuple[str, ...] = ()  # lines for the log, before all else

    @property
    def token(self) -> str:
        """The attempt's token."""
        return self.key[5]

    def to_message(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return self._asdict()

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> AttemptRequest:
        """Read what `to_message` gave."""
        return cls(
            **{**message, "key": tuple(message["key"]), "notices": tuple(message["notices"])}
        )


class Outcome(NamedTuple):
    """How the code of an attempt ended: success, failed, skipped or up_for_reschedule."""

    state: str
    cause: str | None = None
    force_fail: bool = False  # failed, and no retry may help
    next_at_us: int | None = None  # of up_for_reschedule
    skip_decision: dict[str, list[str]] | None = None
    max_rss_kb: int | None = None
    cpu_us: int | None = None
    exit_code: int | None = None
    log_error: str | None = None  # why something could not be written into the log
    is_reported: bool = True  # by the child, which then calls back; False: it vanished

    def to_message(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return self._asdict()


class RetryPolicy(NamedTuple):
    """What of a task decides how long it may run and what follows a failure."""

    execution_timeout_s: float | None = None
    retries: int = 0
    retry_delay_s: float = 300.0
    retry_exponential_backoff: bool = False
    max_retry_delay_s: float | None = None
    callbacks: tuple[str, ...] = ()  # of on_failure, on_retry: what the task has

    @classmethod
    def of(cls, task: Any) -> RetryPolicy:
        """Read it from an operator."""
        return cls(
            _seconds(task.execution_timeout),
            task.retries or 0,
            _seconds(task.retry_delay) or 0.0,
            bool(task.retry_exponential_backoff),
            _seconds(task.max_retry_delay),
            tuple(name for name in CALLBACK_OF.values() if getattr(task, f"{name}_callback", None)),
        )


def _seconds(duration: Any) -> float | None:
    if duration is None:
        return None
    return float(getattr(duration, "total_seconds", lambda: duration)())

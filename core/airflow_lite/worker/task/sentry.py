"""Sentry, an optional extra: tasks that fail are reported. Nothing of it is imported while off."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import AirflowTaskTerminated
from airflow_lite.secrets_masker import redact
from airflow_lite.task_logger import task_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config
    from airflow_lite.worker.task.execution import Execution
    from airflow_lite.worker.task.task_instance import RuntimeTaskInstance

logger = task_logger()

#: So long, in seconds, the end of an attempt may wait until Sentry has what it was told.
FLUSH_S = 2.0
_OFF = "[sentry] sentry_on is set, but nothing is reported:"
_NO_DSN = "there is no DSN. Set [sentry] sentry_dsn."
_NOT_INSTALLED = "sentry-sdk is not installed. Install airflow-lite[sentry]."


class SentrySettings(NamedTuple):
    """Where to report, and the path of the function that sees each report first."""

    dsn: str
    before_send: str

    def __repr__(self) -> str:
        return "SentrySettings(…)"  # the DSN is nobody's business

    @classmethod
    def read(cls, config: Config) -> SentrySettings | None:
        """Read [sentry]; None while it is off. Raises `ConfigError`."""
        if not config.getboolean("sentry", "sentry_on"):
            return None
        dsn = config.get("sentry", "sentry_dsn") or config.environ.get("SENTRY_DSN", "")
        return cls(dsn.strip(), config.get("sentry", "before_send").strip())


def why_silent(config: Config, executor: str, *, is_supported: bool) -> str | None:
    """Return a line that says why nothing of what this executor runs will be reported.

    None while Sentry is off, and where all that can be seen from here is as it should be.
    """
    settings = SentrySettings.read(config)
    if settings is None:
        return None
    if not is_supported:
        return f"{_OFF} the {executor} does not support it (supports_sentry)."
    from importlib.util import find_spec

    if settings.dsn and find_spec("sentry_sdk") is None:
        return f"{_OFF} {_NOT_INSTALLED}"
    return None if settings.dsn else f"{_OFF} {_NO_DSN}"


def preload() -> None:
    """Import what a process that is about to fork will need in each of its children."""
    with suppress(Exception):  # they tell what is wrong with it
        import sentry_sdk  # noqa: F401


class Reporter:
    """What a process that runs attempts tells Sentry; of no settings, nothing.

    Made once in a zygote: it holds no thread and no connection until something is reported.
    `notice` is why it reports nothing though it was asked to.
    """

    def __init__(self, settings: SentrySettings | None = None) -> None:
        self.notice = None if settings is None else _begin(settings)
        self.is_on = settings is not None and self.notice is None

    def tag(self, ti: RuntimeTaskInstance) -> None:
        """Mark all that this process reports from now on with the task that it runs."""
        if not self.is_on:
            return
        import sentry_sdk

        scope = sentry_sdk.get_global_scope()
        for name, value in _tags(ti).items():
            scope.set_tag(name, value)

    def capture(self, execution: Execution) -> None:
        """Report the exception that failed a task, unless the task was told to stop."""
        error = execution.context.get("exception")
        if not self.is_on or error is None or isinstance(error, AirflowTaskTerminated):
            return
        import sentry_sdk

        for crumb in execution.finished_tasks():
            sentry_sdk.add_breadcrumb(category="completed_tasks", data=crumb, level="info")
        sentry_sdk.capture_exception(error)

    def flush(self) -> None:
        """Wait until what was reported is sent, but not for long; log what was not."""
        if not self.is_on:
            return
        import sentry_sdk
        from sentry_sdk.transport import BaseHttpTransport

        transport = sentry_sdk.get_client().transport
        lost: list[str] = []
        if isinstance(transport, BaseHttpTransport):
            transport.on_dropped_event = lost.append  # type: ignore[method-assign,assignment]
        _quietly(lambda: sentry_sdk.flush(FLUSH_S), lost)
        if lost:
            logger.warning("Sentry was not told of everything (%s).", lost[0])


def _quietly(flush: Callable[[], None], lost: list[str]) -> None:
    """Flush; what the transport logs of its tries would stand in the task's log."""
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    began = time.monotonic()
    flush()
    if time.monotonic() - began >= FLUSH_S - 0.05:  # the SDK goes by another clock
        lost.append(f"no answer within {FLUSH_S:g} s")


def _begin(settings: SentrySettings) -> str | None:
    """Make the SDK ready; return why that cannot be."""
    if not settings.dsn:
        return f"{_OFF} {_NO_DSN}"
    try:
        _initialise(settings)
    except Exception as error:
        return f"{_OFF} {_explained(error)}"
    return None


def _explained(error: Exception) -> str:
    from airflow_lite.errors import UserError

    if isinstance(error, ModuleNotFoundError) and error.name == "sentry_sdk":
        return _NOT_INSTALLED
    if isinstance(error, UserError):  # of importing before_send: without it nothing may go out
        return f"[sentry] before_send: {error}"
    if type(error).__name__ == "BadDsn":  # its message holds parts of the DSN
        return "[sentry] sentry_dsn is not a DSN. Copy it from the project's settings in Sentry."
    return f"sentry-sdk cannot be used: {type(error).__name__}."


def _initialise(settings: SentrySettings) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.logging import ignore_logger

    from airflow_lite.imports import import_string

    before_send = import_string(settings.before_send) if settings.before_send else None
    # Our own lines about a failure would be a second report of it.
    ignore_logger("airflow_lite.task")
    # Integrations of whatever is installed would import it, SQLAlchemy for one.
    sentry_sdk.init(
        dsn=settings.dsn, before_send=_masked(before_send), auto_enabling_integrations=False
    )


def _masked(before_send: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return what masks the secrets of a report before the user's own function sees it."""

    def mask(event: Any, hint: Any) -> Any:
        masked = redact(event)
        return masked if before_send is None else before_send(masked, hint)

    return mask


def _tags(ti: RuntimeTaskInstance) -> dict[str, Any]:
    """Return Airflow's tags, and with them what tells one run and mapped task from another."""
    run = ti.dag_run
    return {
        "dag_id": ti.dag_id,
        "task_id": ti.task_id,
        "run_id": ti.run_id,
        "map_index": ti.map_index,
        "try_number": ti.try_number,
        "operator": type(ti.task).__name__,
        "execution_date": run.logical_date.isoformat(),
        "data_interval_start": run.data_interval_start.isoformat(),
        "data_interval_end": run.data_interval_end.isoformat(),
    }

"""The hooks: what a plugin's module may implement, each a function marked with `hookimpl`.

None may be a wrapper. One that raises is logged with its plugin's name, and the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_lite.api.commands.spec import GroupCommand
    from airflow_lite.api.listener_events import (
        ExecutorEnded,
        ExecutorHeartbeat,
        ExecutorStarted,
        TaskFinished,
        TaskQueued,
        TaskRunning,
    )
    from airflow_lite.config import Config, ConfigOption

PROJECT = "airflow_lite"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a plugin's module as the implementation of the hook that it is named after.
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class HealthContext:
    """The argument of `check_health`."""

    config: Config
    timeout_s: float


@dataclass(frozen=True)
class HealthReport:
    """The result of `check_health`: `message` is one line, with what to do if it is not healthy."""

    healthy: bool
    message: str


@dataclass(frozen=True)
class WebPanelContext:
    """The argument of `get_web_panels`."""

    config: Config
    timeout_s: float


@dataclass(frozen=True)
class WebPanel:
    """One table of `get_web_panels`: data, and no HTML.

    `columns` names the keys of `rows` that are shown, in order; the values are shown as text.
    `text` is a line above the table, or why there is none.
    """

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    text: str = ""


@hookspec
def get_cli_commands() -> Sequence[GroupCommand]:  # type: ignore[empty-body]
    """Return the plugin's group of commands, named like its entry point, as data.

    When: a command of the group is parsed or helped. It may not read the configuration, do any
    work, or import anything heavy.
    """


@hookspec
def get_config_options() -> Sequence[ConfigOption]:  # type: ignore[empty-body]
    """Return the plugin's options, all in the section that is named like its entry point.

    When: the plugin's executor is loaded, or one of its commands runs. It may not do any work.
    """


@hookspec
def check_health(context: HealthContext) -> HealthReport | None:
    """Say whether what the plugin needs can be reached; None where there is nothing to say.

    When: a user asks. On the main thread; must return within `context.timeout_s`.
    """


@hookspec
def get_web_panels(context: WebPanelContext) -> Sequence[WebPanel]:  # type: ignore[empty-body]
    """Return what the web page on executors shows of what the plugin runs tasks with.

    When: a user opens them. On the main thread of a process of its own, never of the web server;
    must return within `context.timeout_s`.
    """


@hookspec
def on_executor_started(event: ExecutorStarted) -> None:
    """Hear that the executor is ready. On the listener thread."""


@hookspec
def on_task_queued(event: TaskQueued) -> None:
    """Hear that an attempt was handed to the executor. On the listener thread."""


@hookspec
def on_task_running(event: TaskRunning) -> None:
    """Hear that an attempt's user code runs. On the listener thread."""


@hookspec
def on_task_finished(event: TaskFinished) -> None:
    """Hear that an attempt's outcome is recorded. On the listener thread."""


@hookspec
def on_executor_heartbeat(event: ExecutorHeartbeat) -> None:
    """Hear that the executor had a heartbeat. On the listener thread.

    When: now and then while attempts are under way, and once after the last of them.
    """


@hookspec
def on_executor_ended(event: ExecutorEnded) -> None:
    """Hear that the executor has stopped. On the listener thread, the last event of all."""

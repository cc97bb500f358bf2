"""What a plugin's module is written with: `hookimpl`, and the events that listeners take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.api.hookspecs import (
        HealthContext,
        HealthReport,
        WebPanel,
        WebPanelContext,
        hookimpl,
    )
    from airflow_lite.api.listener_events import (
        ExecutorEnded,
        ExecutorHeartbeat,
        ExecutorStarted,
        TaskFinished,
        TaskQueued,
        TaskRunning,
    )
    from airflow_lite.config import ConfigOption

__all__ = [
    "ConfigOption",
    "ExecutorEnded",
    "ExecutorHeartbeat",
    "ExecutorStarted",
    "HealthContext",
    "HealthReport",
    "TaskFinished",
    "TaskQueued",
    "TaskRunning",
    "WebPanel",
    "WebPanelContext",
    "hookimpl",
]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these
    __getattr__ = lazily(
        __name__,
        {
            "api.listener_events": (
                "ExecutorEnded",
                "ExecutorHeartbeat",
                "ExecutorStarted",
                "TaskFinished",
                "TaskQueued",
                "TaskRunning",
            ),
            "config": ("ConfigOption",),
            "api.hookspecs": (
                "HealthContext",
                "HealthReport",
                "WebPanel",
                "WebPanelContext",
                "hookimpl",
            ),
        },
    )

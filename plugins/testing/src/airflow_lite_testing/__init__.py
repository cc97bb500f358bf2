"""The conformance kit for executors, a reference executor, a clock that a test moves.

Tests import what is public from `airflow_lite.testing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite_testing.clock import FakeClock
    from airflow_lite_testing.conformance import ExecutorConformance
    from airflow_lite_testing.engine import Engine
    from airflow_lite_testing.reference_executor import ReferenceExecutor

__all__ = ["Engine", "ExecutorConformance", "FakeClock", "ReferenceExecutor"]

__getattr__ = lazily(
    __name__,
    {
        "clock": ("FakeClock",),
        "conformance": ("ExecutorConformance",),
        "engine": ("Engine",),
        "reference_executor": ("ReferenceExecutor",),
    },
    root=__name__,
)

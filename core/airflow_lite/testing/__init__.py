"""For tests: the executor conformance kit, a reference executor, a clock that a test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.testing.clock import FakeClock
    from airflow_lite.testing.conformance import ExecutorConformance
    from airflow_lite.testing.engine import Engine
    from airflow_lite.testing.reference_executor import ReferenceExecutor

__all__ = ["Engine", "ExecutorConformance", "FakeClock", "ReferenceExecutor"]

__getattr__ = lazily(
    __name__,
    {
        "testing.clock": ("FakeClock",),
        "testing.conformance": ("ExecutorConformance",),
        "testing.engine": ("Engine",),
        "testing.reference_executor": ("ReferenceExecutor",),
    },
)

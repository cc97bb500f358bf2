"""For tests: the executor conformance kit, a reference executor, a clock that a test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.testing.clock import FakeClock
    from airflow_lite.testing.conformance import ExecutorConformance
    from airflow_lite.testing.engine import Engine
    from airflow_lite.testing.reference_executor import ReferenceExecutor

__all__ = ["Engine", "ExecutorConformance", "FakeClock", "ReferenceExecutor"]

_HOMES = {
    "Engine": "airflow_lite.testing.engine",
    "ExecutorConformance": "airflow_lite.testing.conformance",
    "FakeClock": "airflow_lite.testing.clock",
    "ReferenceExecutor": "airflow_lite.testing.reference_executor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

"""For tests: the executor conformance kit, a reference executor, a clock that a test moves.

What these names stand for is in the distribution airflow-lite-testing, which the extra `testing`
installs. Without it, asking for one raises `ModuleNotFoundError` with what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite_testing import Engine, ExecutorConformance, FakeClock, ReferenceExecutor

__all__ = ["Engine", "ExecutorConformance", "FakeClock", "ReferenceExecutor"]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from airflow_lite.errors import TestingExtraMissingError
        from airflow_lite.imports import ModuleMissingError, import_string

        try:
            return import_string(f"airflow_lite_testing:{name}")
        except ModuleMissingError:
            message = str(TestingExtraMissingError())
            raise ModuleNotFoundError(message, name="airflow_lite_testing") from None

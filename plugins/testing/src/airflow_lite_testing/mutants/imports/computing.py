"""Computes at module level, several times as long as an import may take."""

from __future__ import annotations

from airflow_lite_testing.reference_executor import ReferenceExecutor

TABLE = sum(number % 7 for number in range(24_000_000))


class ComputesAtImport(ReferenceExecutor):
    """Keeps the machine busy at every command."""

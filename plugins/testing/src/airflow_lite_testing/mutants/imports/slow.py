"""Sleeps for a second at module level."""

from __future__ import annotations

import time

from airflow_lite_testing.reference_executor import ReferenceExecutor

time.sleep(1)


class TakesItsTime(ReferenceExecutor):
    """Delays every command."""

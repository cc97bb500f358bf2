"""Prints at module level."""

from __future__ import annotations

import sys

from airflow_lite_testing.reference_executor import ReferenceExecutor

sys.stderr.write("PrintsAtImport is glad to be here\n")


class PrintsAtImport(ReferenceExecutor):
    """Spoils the output of every command."""

"""Imports a heavy library at module level."""

from __future__ import annotations

import sqlalchemy

from airflow_lite_testing.reference_executor import ReferenceExecutor

VERSION = sqlalchemy.__version__


class ImportsHeavyLibrary(ReferenceExecutor):
    """Brings a database library into every command."""

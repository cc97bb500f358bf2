"""Starts a thread at module level."""

from __future__ import annotations

import threading

from airflow_lite_testing.reference_executor import ReferenceExecutor

threading.Thread(target=threading.Event().wait, name="poller", daemon=True).start()


class StartsThreadAtImport(ReferenceExecutor):
    """Makes every command a program of two threads."""

"""airflow.version."""

from __future__ import annotations

#: Providers look at it, and those of today take none below this.
version = "2.11.0"

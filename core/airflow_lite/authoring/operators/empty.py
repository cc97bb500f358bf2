"""EmptyOperator: a task that does nothing."""

from __future__ import annotations

from airflow_lite.authoring.operator import BaseOperator


class EmptyOperator(BaseOperator):
    """A task that does nothing. Without callbacks it ends in the scheduler, with no process."""

    ui_color = "#e8f7e4"

    def execute(self, context: object) -> None:
        """Do nothing."""

"""What happens where the store is not as memory has it: the runs concerned are loaded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.store import runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.model import Run


class StaleRows(Exception):
    """A row was not as expected: the transaction is undone, and the runs are loaded again."""

    def __init__(self, run_ids: set[int]) -> None:
        super().__init__(f"runs {sorted(run_ids)} were changed by someone else")
        self.run_ids = run_ids


def expect_rows(changed: int, expected: int, run_ids: set[int]) -> None:
    """Raise `StaleRows` unless every row was as expected."""
    if changed != expected:
        raise StaleRows(run_ids)


def edited_runs(connection: sa.Connection, of: Sequence[Run]) -> set[int]:
    """Return those of the runs whose rows someone else edited or deleted since they were loaded."""
    versions = runs.row_versions(connection, {run.id for run in of})
    return {run.id for run in of if versions.get(run.id) != run.row_version}

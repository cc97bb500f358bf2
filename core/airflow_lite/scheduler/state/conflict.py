"""What happens where the store is not as memory has it."""

from __future__ import annotations


class StaleRows(Exception):
    """A row was not as expected: the transaction is undone, and the runs are loaded again."""

    def __init__(self, run_ids: set[int]) -> None:
        super().__init__(f"runs {sorted(run_ids)} were changed by someone else")
        self.run_ids = run_ids


def expect_rows(changed: int, wanted: int, run_ids: set[int]) -> None:
    """Raise `StaleRows` unless every row was as expected."""
    if changed != wanted:
        raise StaleRows(run_ids)

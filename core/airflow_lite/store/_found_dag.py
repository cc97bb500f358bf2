"""A DAG that parsing found, beside what the store had of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_lite.store.pickles import payload_digest

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.dag.spec import DagSpec


@dataclass
class FoundDag:
    """A DAG as it was found: its spec, as text too, and the row that it had before, if any."""

    spec: DagSpec
    path: str
    text: str
    digest: str
    before: sa.RowMapping | None
    payload: bytes | None = None  # its pickle
    is_same_pickler: bool = True  # versions and key are as when it was pickled last

    @property
    def is_new_version(self) -> bool:
        """Whether its spec is not the one that the store has."""
        return self.before is None or self.before["digest"] != self.digest

    @property
    def is_surprise(self) -> bool:
        """Whether whoever keeps this DAG in memory has to look again."""
        return self.is_new_version or self.is_new_pickle or not self.before_of("is_active")

    @property
    def is_new_pickle(self) -> bool:
        """Whether it is not as it is pickled in the store, or should not be there."""
        if self.payload is None:
            return self.before_of("pickle_id") is not None
        is_same = self.before_of("pickle_digest") == payload_digest(self.payload)
        return self.is_new_version or not self.is_same_pickler or not is_same

    def before_of(self, column: str) -> Any:
        """Return what its row had before; None if it had none."""
        return None if self.before is None else self.before[column]

"""The definitions of DAGs as they were read last: a version never changes, and parsing is slow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from airflow_lite.store.dags import read_spec
from airflow_lite.store.pages.dag import version_spec

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.spec.model import DagSpec

#: Definitions that are kept; of those the one that was asked for longest ago goes first.
_MOST = 32


class Specs:
    """Reads definitions by version id, and keeps some. Safe to share between threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, DagSpec] = OrderedDict()
        self._lock = threading.Lock()

    def of_version(
        self, connection: sa.Connection, dag_id: str, version_id: int | None
    ) -> DagSpec | None:
        """Return a version of a DAG; None if it is gone. Raises `StoreError` if it is none."""
        if version_id is None:
            return None
        with self._lock:
            if version_id in self._known:
                self._known.move_to_end(version_id)
                return self._known[version_id]
        text = version_spec(connection, version_id)
        if text is None:
            return None
        spec = read_spec(dag_id, text)
        with self._lock:
            self._known[version_id] = spec
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return spec

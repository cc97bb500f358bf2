"""Whether the texts of a DAG fit their columns: SQLite takes any, PostgreSQL stops at the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import AirflowDagException
from airflow_lite.keys import MAX_ID_LENGTH
from airflow_lite.text import is_storable, shortened

if TYPE_CHECKING:
    from airflow_lite.spec.model import DagSpec

_OF_DAG = ("description", "owners")
_OF_TASK = ("queue", "pool", "operator")


def check_texts(spec: DagSpec) -> None:
    """Raise `AirflowDagException` for what has a column of its own and does not fit it."""
    for name in _OF_DAG:
        _check(f"DAG {spec.dag_id}: {name}", getattr(spec, name))
    for task in spec.tasks.values():
        for name in _OF_TASK:
            where = f"DAG {spec.dag_id}: {name} of task {task.task_id!r}"
            _check(where, getattr(task, name), MAX_ID_LENGTH)


def _check(what: str, text: str | None, most: int | None = None) -> None:
    if text is None:
        return
    if not is_storable(text):
        raise AirflowDagException(f"{what} {shortened(ascii(text), 60)} holds what is no text.")
    if most is not None and len(text) > most:
        raise AirflowDagException(f"{what} has {len(text)} characters. Use at most {most}.")

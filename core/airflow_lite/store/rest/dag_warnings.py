"""What is wrong with DAGs that can be imported: pools that are not there, and warnings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.dags import read_spec
from airflow_lite.store.row_types import texts_of
from airflow_lite.store.schema import dag, dag_file, dag_version, pool

if TYPE_CHECKING:
    from airflow_lite.store.runs import Row

#: The pool of a task in the text of a definition, which need not be read as a whole for it.
_POOL = re.compile(r'"pool":("(?:[^"\\]|\\.)*")')


class MissingPools(NamedTuple):
    """The pools that tasks of a DAG are in, and that are not there."""

    dag_id: str
    parsed_us: int | None
    pools: tuple[str, ...]


class ImportWarning(NamedTuple):
    """A line that the import of a DAG's file warned with."""

    dag_id: str
    parsed_us: int | None
    line: str


def missing_pools(connection: sa.Connection, dag_id: str | None = None) -> list[MissingPools]:
    """Return the DAGs, or the one DAG, with tasks that wait for ever for a pool.

    Raises `StoreError` for a definition that cannot be read.
    """
    query = _active(dag_version.c.spec, dag_id).join(
        dag_version, dag_version.c.id == dag.c.version_id
    )
    pools = set(connection.execute(sa.select(pool.c.name)).scalars())
    rows = connection.execute(query).all()
    return [found for row in rows if (found := _missing_of(row, pools)) is not None]


def _missing_of(row: Row, pools: set[Any]) -> MissingPools | None:
    texts = {*_POOL.findall(str(row.spec))}
    if not {json.loads(text, strict=False) for text in texts} - pools:
        return None
    # Among these may be arguments of other things: only now is the definition read.
    tasks = read_spec(row.dag_id, row.spec).tasks.values()
    missing = {task.pool for task in tasks} - pools
    if not missing:
        return None
    return MissingPools(row.dag_id, row.last_parsed_us, tuple(sorted(missing)))


def import_warnings(connection: sa.Connection, dag_id: str | None = None) -> list[ImportWarning]:
    """Return what importing the files of all DAGs, or of one, warned with."""
    query = _active(dag_file.c.warnings, dag_id).join(dag_file, dag_file.c.path == dag.c.fileloc)
    rows = connection.execute(query.where(dag_file.c.warnings != "[]"))
    return [
        ImportWarning(row.dag_id, row.last_parsed_us, line)
        for row in rows
        for line in _lines(row.warnings)
    ]


def _lines(text: object) -> tuple[str, ...]:
    try:
        return tuple(texts_of(text))
    except ValueError:  # somebody wrote to the row
        return ()


def _active(column: sa.ColumnElement[Any], dag_id: str | None) -> sa.Select[Any]:
    query = sa.select(dag.c.dag_id, dag.c.last_parsed_us, column).where(dag.c.is_active)
    query = query if dag_id is None else query.where(dag.c.dag_id == dag_id)
    return query.order_by(dag.c.dag_id)

"""What the store knows of DAG files, and DAGs that are in none any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.many import chunks
from airflow_lite.store.schema import dag, dag_file

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: How the error of a file begins that has a DAG id of another file's.
DUPLICATE = "DAG id "


class Saved(NamedTuple):
    """What saving the result of one file changed."""

    path: str
    error: str | None  # of the import, or a DAG id that another file has
    changed: tuple[str, ...] = ()  # ids of the DAGs that are new, or have a new version
    vanished: tuple[str, ...] = ()  # ids of the DAGs that the file does not have any more
    notices: tuple[str, ...] = ()  # one line each, of the DAGs that changed and the import


class KnownFile(NamedTuple):
    """What the store has of one DAG file."""

    path: str
    fingerprint: str
    dag_ids: tuple[str, ...]  # of the last import that succeeded
    error: str | None
    parsed_us: int
    duration_us: int
    pickled_by: str | None = None  # the versions that pickled its DAGs; None: nothing did


def deactivate(connection: sa.Connection, ids: Sequence[str]) -> None:
    for chunk in chunks(ids):
        connection.execute(
            dag.update()
            .where(dag.c.dag_id.in_(chunk))
            .values(is_active=False, row_version=dag.c.row_version + 1)
        )
    if ids:
        # An id is free again: the files that were refused for one get another look.
        connection.execute(
            dag_file.update()
            .where(dag_file.c.error.startswith(DUPLICATE, autoescape=True))
            .values(fingerprint="")
        )


def known_files(connection: sa.Connection, paths: Collection[str] | None = None) -> list[KnownFile]:
    """Return what is known of these files, or of all."""
    query = sa.select(
        dag_file.c.path,
        dag_file.c.fingerprint,
        dag_file.c.dag_ids,
        dag_file.c.error,
        dag_file.c.parsed_us,
        dag_file.c.duration_us,
        dag_file.c.pickled_by,
    )
    queries = [query] if paths is None else (query.where(_is_in(chunk)) for chunk in chunks(paths))
    return [
        KnownFile(path, stamp, tuple(json.loads(ids)), *rest)
        for one in queries
        for path, stamp, ids, *rest in connection.execute(one)
    ]


def _is_in(paths: Sequence[str]) -> sa.ColumnElement[bool]:
    return dag_file.c.path.in_(paths)

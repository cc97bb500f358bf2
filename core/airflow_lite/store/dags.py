"""DAGs, their versions and the files that hold them: what parsing found, as the store keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.errors import StoreError
from airflow_lite.spec.model import DagSpec
from airflow_lite.store.batches import chunks, is_one_of, select_many
from airflow_lite.store.row_types import Shape, texts_of
from airflow_lite.store.schema import dag, dag_file, dag_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from airflow_lite.store.runs import Row

#: How the error of a file begins if another file has one of its DAG ids.
DUPLICATE = "DAG id "


class Saved(NamedTuple):
    """What saving the result of one file changed."""

    path: str
    error: str | None  # of the import, or a DAG id that another file has
    changed: tuple[str, ...] = ()  # ids of the DAGs that are new, or have a new version
    vanished: tuple[str, ...] = ()  # ids of the DAGs that the file does not have any more
    notices: tuple[str, ...] = ()  # one line each, of the DAGs that changed
    warnings: tuple[str, ...] = ()  # one line each, of the import

    @property
    def is_refused(self) -> bool:
        """Whether another file has an id of this one's DAGs."""
        return self.error is not None and self.error.startswith(DUPLICATE)


class KnownFile(NamedTuple):
    """What the store has of one DAG file."""

    path: str
    fingerprint: str
    dag_ids: tuple[str, ...]  # of the last import that succeeded
    error: str | None
    parsed_us: int
    duration_us: int
    pickled_by: str | None = None  # the versions that pickled its DAGs; None: nothing did
    secrets: str = "[]"  # what its import asked for: see `asked_secrets`


def deactivate(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Note that no file has these DAGs any more."""
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


_FILE = sa.select(*(dag_file.c[name] for name in KnownFile._fields))
_FILE_SHAPE = Shape.of(_FILE)


def known_files(connection: sa.Connection, paths: Collection[str] | None = None) -> list[KnownFile]:
    """Return the stored rows of these DAG files, or of all.

    A file whose row makes no sense gets no fingerprint, so that it is parsed again.
    """
    if paths is None:
        rows = list(connection.execute(_FILE))
    else:
        rows = select_many(connection, _FILE.where(is_one_of(dag_file.c.path)), paths)
    return [_known_file(row) for row in rows if isinstance(row.path, str)]


def _known_file(row: Row) -> KnownFile:
    try:
        _FILE_SHAPE.check(row)
        return KnownFile(*row)._replace(dag_ids=texts_of(row.dag_ids))
    except ValueError:
        return KnownFile(row.path, "", (), None, 0, 0)


def parse_again(connection: sa.Connection, path: str) -> bool:
    """Have a DAG file parsed though it has not changed; False where the store has no such file."""
    update = dag_file.update().where(dag_file.c.path == path)
    return bool(connection.execute(update.values(fingerprint="")).rowcount)


def forget_files(connection: sa.Connection, paths: Iterable[str]) -> list[Saved]:
    """Forget files that are gone, and make inactive the DAGs that are in no other file."""
    vanished: dict[str, list[str]] = {}
    for chunk in chunks(paths):
        query = sa.select(dag.c.dag_id, dag.c.fileloc)
        query = query.where(dag.c.fileloc.in_(chunk), dag.c.is_active)
        for dag_id, path in connection.execute(query):
            if isinstance(dag_id, str):  # another type is in no listing
                vanished.setdefault(path, []).append(dag_id)
        connection.execute(dag_file.delete().where(dag_file.c.path.in_(chunk)))
    deactivate(connection, [name for ids in vanished.values() for name in ids])
    return [Saved(path, None, vanished=tuple(ids)) for path, ids in sorted(vanished.items())]


def import_errors(connection: sa.Connection) -> list[KnownFile]:
    """Return the files that could not be imported, by path, each with its error."""
    query = sa.select(dag_file.c.path).where(dag_file.c.error.is_not(None))
    paths = connection.execute(query).scalars().all()
    return sorted(file for file in known_files(connection, paths) if file.error is not None)


def latest_spec(connection: sa.Connection, dag_id: str) -> tuple[int, DagSpec] | None:
    """Return a DAG's version id and spec; None if the store has none. It may be inactive."""
    return specs_of(connection, [dag_id]).get(dag_id)


def specs_of(connection: sa.Connection, dag_ids: Iterable[str]) -> dict[str, tuple[int, DagSpec]]:
    """Return the latest version id and spec by DAG id, of the DAGs that the store has.

    Raises `StoreError` where one cannot be read.
    """
    texts = spec_texts(connection, dag_ids)
    return {name: (number, read_spec(name, text)) for name, (number, text) in texts.items()}


def spec_texts(connection: sa.Connection, dag_ids: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return the latest version id and the text of its spec by DAG id, for `read_spec`."""
    query = (
        sa.select(dag.c.dag_id, dag_version.c.id, dag_version.c.spec)
        .join(dag_version, dag_version.c.id == dag.c.version_id)
        .where(is_one_of(dag.c.dag_id))
    )
    rows = select_many(connection, query, dag_ids)
    return {dag_id: (version_id, text) for dag_id, version_id, text in rows}


def read_spec(dag_id: str, text: str) -> DagSpec:
    """Return the spec of a DAG from its text in the store; raise `StoreError` if it is none."""
    try:
        return DagSpec.from_json(text)
    except Exception as error:  # whatever junk brings up
        raise StoreError(
            f"The definition of DAG {dag_id!r} in the metadata database cannot be read"
            f" ({type(error).__name__}: {error!s:.200}). Change its file, or delete the DAG."
        ) from error


def file_of(connection: sa.Connection, dag_id: str) -> str | None:
    """Return the file that has an active DAG; None if the store has none."""
    query = sa.select(dag.c.fileloc).where(dag.c.dag_id == dag_id, dag.c.is_active)
    path: str | None = connection.execute(query).scalar()
    return path


def warnings_of(connection: sa.Connection, dag_id: str) -> list[str]:
    """Return what parsing the file of a DAG warned of, when it was last imported."""
    query = sa.select(dag_file.c.warnings).join(dag, dag.c.fileloc == dag_file.c.path)
    text = connection.execute(query.where(dag.c.dag_id == dag_id)).scalar()
    try:
        return [] if text is None else list(texts_of(text))
    except ValueError:
        return []

"""Save what a batch of DAG files held: all rows are read at once, then written at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.store.batches import is_one_of, run_many, select_many, upsert_many
from airflow_lite.store.dags import DUPLICATE, Saved, deactivate, known_files
from airflow_lite.store.dataset_saving import save_uses
from airflow_lite.store.pickles import Unsaved, payload_digest, pickled_by, save
from airflow_lite.store.runs import new_id
from airflow_lite.store.schema import dag, dag_file, dag_pickle, dag_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from airflow_lite.parsing.pool import FileResult
    from airflow_lite.spec.model import DagSpec
    from airflow_lite.store.pickles import Sign

#: Names the lock under which one transaction numbers versions of DAGs; any number of ours.
_VERSIONS_LOCK = 0x61_6C_64_61_67


@dataclass
class ParsedDag:
    """A DAG of a parsed file: its spec, as text too, and the row that it had before, if any."""

    spec: DagSpec
    path: str
    text: str
    digest: str
    before: dict[str, Any] | None
    payload: bytes | None = None  # its pickle
    is_same_pickler: bool = True  # versions and key are as when it was pickled last

    @property
    def is_new_version(self) -> bool:
        """Whether its spec is not the one that the store has."""
        return self.before is None or self.before["digest"] != self.digest

    @property
    def needs_reload(self) -> bool:
        """Whether a scheduler that keeps this DAG in memory has to read it again."""
        return self.is_new_version or self.is_new_pickle or not self.before_of("is_active")

    @property
    def is_new_pickle(self) -> bool:
        """Whether the pickle in the store differs from this one, or should not be there."""
        if self.payload is None:
            return self.before_of("pickle_id") is not None
        is_same = self.before_of("pickle_digest") == payload_digest(self.payload)
        return self.is_new_version or not self.is_same_pickler or not is_same

    def before_of(self, column: str) -> Any:
        """Return what its row had before; None if it had none."""
        return None if self.before is None else self.before[column]


@dataclass
class Batch:
    """The rows that a batch of results is about, read at once and written at once."""

    connection: sa.Connection
    results: Sequence[FileResult]
    now_us: int
    gone: set[str]
    sign: Sign | None = None
    dags: list[ParsedDag] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pickled_by = pickled_by(self.sign)
        paths = [result.path for result in self.results]
        ids = [spec.dag_id for result in self.results for spec in result.dags]
        self.before = {row["dag_id"]: row for row in _dag_rows(self.connection, ids, paths)}
        self.owners = {
            name: row["fileloc"] for name, row in self.before.items() if row["is_active"]
        }
        self.numbers = _latest(self.connection, ids, dag_version.c.number)
        paths += self.owners.values()
        self.old_files = {file.path: file for file in known_files(self.connection, paths)}
        sound = [result for result in self.results if result.error is None]
        for result in sound:
            self._release(result)
        for result in sound:
            for spec in result.dags:
                self._claim(spec.dag_id, result.path)

    def _release(self, result: FileResult) -> None:
        """Let other files have the ids that this one does not use any more."""
        kept = {spec.dag_id for spec in result.dags}
        for name, path in list(self.owners.items()):
            if path == result.path and name not in kept:
                del self.owners[name]

    def save(self, result: FileResult) -> Saved:
        """Take in what one file held, to be written with the others; say what that changes."""
        if result.error is not None:
            old = self.old_files.get(result.path)
            self._save_file(result, result.error, old.dag_ids if old else ())
            return Saved(result.path, result.error, warnings=tuple(result.warnings))
        dags = [
            self._parsed_dag(spec, result)
            for spec in result.dags
            if self.owners[spec.dag_id] == result.path
        ]
        error = self._refusals(result)
        kept = tuple(item.spec.dag_id for item in dags)
        self._save_file(result, error, kept)
        vanished = self._vanished_ids(result.path)
        self.dags += dags
        self.vanished += vanished
        changed = [item for item in dags if item.is_new_version]
        return Saved(
            result.path,
            error,
            tuple(item.spec.dag_id for item in dags if item.needs_reload),
            tuple(vanished),
            tuple(line for item in changed for line in item.spec.notices),
            tuple(result.warnings),
        )

    def _claim(self, dag_id: str, path: str) -> None:
        owner = self.owners.setdefault(dag_id, path)
        if owner in self.gone or not self._is_known(owner):
            self.owners[dag_id] = path

    def _is_known(self, path: str) -> bool:
        return path in self.old_files or any(result.path == path for result in self.results)

    def _parsed_dag(self, spec: DagSpec, result: FileResult) -> ParsedDag:
        text = spec.to_json()
        of_spec = sha256(text.encode()).hexdigest()  # DagSpec.digest, from the text that is at hand
        payload = result.pickles.get(spec.dag_id) if self.sign is not None else None
        before = self.before.get(spec.dag_id)
        file = self.old_files.get(result.path)
        is_same = file is not None and file.pickled_by == self.pickled_by
        return ParsedDag(spec, result.path, text, of_spec, before, payload, is_same)

    def _refusals(self, result: FileResult) -> str | None:
        refused = [s.dag_id for s in result.dags if self.owners[s.dag_id] != result.path]
        lines = [
            f"{DUPLICATE}{name!r} is in {self.owners[name]} and again in {result.path}."
            " Rename one of the two DAGs."
            for name in refused
        ]
        return " ".join(lines) or None

    def _vanished_ids(self, path: str) -> list[str]:
        return [
            name
            for name, row in self.before.items()
            if row["fileloc"] == path and row["is_active"] and name not in self.owners
        ]

    def _save_file(self, result: FileResult, error: str | None, ids: Iterable[str]) -> None:
        self.files.append(
            {
                "path": result.path,
                "fingerprint": result.fingerprint,
                "parsed_us": self.now_us,
                "duration_us": result.duration_us,
                "dag_ids": json.dumps(list(ids)),
                "error": error,
                "warnings": json.dumps(result.warnings),
                "pickled_by": self.pickled_by,
                "secrets": json.dumps(result.secrets),
            }
        )

    def write(self, *, paused_at_creation: bool) -> None:
        """Write what was taken in: versions, pickles, DAGs, files."""
        versions = self._write_versions()
        pickles = self._write_pickles(versions)
        rows = []
        for item in self.dags:
            authors_choice = item.spec.is_paused_upon_creation
            is_paused = paused_at_creation if authors_choice is None else authors_choice
            rows.append({**self._dag_row(item, versions, pickles), "is_paused": is_paused})
        upsert_many(self.connection, dag, rows, changed=_CHANGED)
        stale = [item for item in self.dags if item.needs_reload and item.before is not None]
        run_many(self.connection, _RAISE, [{"surprised": item.spec.dag_id} for item in stale])
        changed = [item for item in self.dags if item.is_new_version]
        old = [item.spec.dag_id for item in changed if item.before is not None]
        save_uses(self.connection, old, [item.spec for item in changed], self.now_us)
        deactivate(self.connection, self.vanished)
        if self.files:
            upsert_many(self.connection, dag_file, self.files, changed=tuple(self.files[0])[1:])

    def _write_versions(self) -> dict[str, int]:
        """Insert the new versions; return the id of each by DAG id."""
        rows: list[dict[str, Any]] = [
            {
                "dag_id": item.spec.dag_id,
                "number": self.numbers.get(item.spec.dag_id, 0) + 1,
                "digest": item.digest,
                "spec": item.text,
                "created_us": self.now_us,
            }
            for item in self.dags
            if item.is_new_version
        ]
        if not rows:
            return {}
        self.connection.execute(dag_version.insert(), rows)
        return _latest(self.connection, [row["dag_id"] for row in rows], dag_version.c.id)

    def _write_pickles(self, versions: dict[str, int]) -> dict[str, int]:
        """Insert the new pickles, signed; return the id of each by DAG id."""
        if self.sign is None:
            return {}
        unsaved = [
            Unsaved(
                item.spec.dag_id,
                versions.get(item.spec.dag_id) or item.before_of("version_id"),
                item.payload,
            )
            for item in self.dags
            if item.payload is not None and item.is_new_pickle
        ]
        return save(self.connection, unsaved, self.sign, self.now_us)

    def _dag_row(
        self, item: ParsedDag, versions: dict[str, int], pickles: dict[str, int]
    ) -> dict[str, Any]:
        spec = item.spec
        pickle_id = pickles.get(spec.dag_id)
        old_pickle = item.before_of("pickle_id") if item.payload is not None else None
        return {
            "dag_id": spec.dag_id,
            "fileloc": item.path,
            "version_id": versions.get(spec.dag_id, item.before_of("version_id")),
            "pickle_id": pickle_id or old_pickle,
            "last_pickled_us": self.now_us if pickle_id else item.before_of("last_pickled_us"),
            "is_active": True,
            "description": spec.description,
            "owners": spec.owners,
            "tags": json.dumps(spec.tags),
            "schedule": spec.schedule.summary,
            "timetable_description": spec.schedule.description,
            "last_parsed_us": self.now_us,
        }


#: What is written of a DAG that the store has already: whether it is paused is the user's.
_CHANGED = (
    "fileloc",
    "version_id",
    "pickle_id",
    "last_pickled_us",
    "is_active",
    "description",
    "owners",
    "tags",
    "schedule",
    "timetable_description",
    "last_parsed_us",
)
_RAISE = (
    dag.update()
    .where(dag.c.dag_id == sa.bindparam("surprised"))
    .values(row_version=dag.c.row_version + 1)
)


def _dag_rows(
    connection: sa.Connection, ids: Iterable[str], paths: Iterable[str]
) -> Iterator[dict[str, Any]]:
    query = (
        sa.select(
            dag.c.dag_id,
            dag.c.fileloc,
            dag.c.is_active,
            dag.c.version_id,
            dag.c.pickle_id,
            dag.c.last_pickled_us,
            dag_version.c.digest,
            dag_pickle.c.digest.label("pickle_digest"),
        )
        .outerjoin(dag_version, dag_version.c.id == dag.c.version_id)
        .outerjoin(dag_pickle, dag_pickle.c.id == dag.c.pickle_id)
    )
    for column, values in ((dag.c.dag_id, ids), (dag.c.fileloc, paths)):
        for row in select_many(connection, query.where(is_one_of(column)), values):
            if isinstance(row.dag_id, str):  # SQLite has anything in any column
                yield row._asdict()


def _latest(
    connection: sa.Connection, ids: Iterable[str], column: sa.Column[int]
) -> dict[str, int]:
    of_dag = dag_version.c.dag_id
    query = sa.select(of_dag, sa.func.max(column)).where(is_one_of(of_dag)).group_by(of_dag)
    return {row[0]: row[1] for row in select_many(connection, query, ids)}


def _number_versions_alone(connection: sa.Connection) -> None:
    """Let no other transaction see which versions there are until this one is over.

    Else two that save one file, a command and a scheduler, would give it the same number.
    """
    if connection.dialect.name == "postgresql":  # SQLite's writers are alone anyway
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_VERSIONS_LOCK})")


def keep_version(connection: sa.Connection, spec: DagSpec, now_us: int) -> int:
    """Return the id of this very definition of a DAG, kept for a run though it is not the DAG's."""
    _number_versions_alone(connection)
    text, of_dag = spec.to_json(), dag_version.c.dag_id == spec.dag_id
    digest = sha256(text.encode()).hexdigest()
    known: int | None = connection.execute(
        sa.select(sa.func.max(dag_version.c.id)).where(of_dag, dag_version.c.digest == digest)
    ).scalar()
    if known is not None:
        return known
    newest = connection.execute(sa.select(sa.func.max(dag_version.c.number)).where(of_dag)).scalar()
    row = {
        "dag_id": spec.dag_id,
        "number": (newest or 0) + 1,
        "digest": digest,
        "spec": text,
        "created_us": now_us,
    }
    return new_id(connection.execute(dag_version.insert().values(row)))


def save_results(
    connection: sa.Connection,
    results: Iterable[FileResult],
    now_us: int,
    *,
    paused_at_creation: bool = False,
    gone: Collection[str] = (),
    sign: Sign | None = None,
) -> list[Saved]:
    """Save what files held, in order of their paths, with as many statements as for one file.

    A DAG gets a new version when its spec changed; a file that could not be imported leaves its
    DAGs as they were; a DAG that its file does not have any more becomes inactive. A DAG id that
    another file has, unless that is in `gone`, is refused: the file gets an error naming both.
    `paused_at_creation` is for DAGs that are new and do not say themselves. With `sign` the
    pickles of the results are saved; without, tasks are run from the files.
    """
    _number_versions_alone(connection)
    ordered = sorted(results, key=lambda result: result.path)
    batch = Batch(connection, ordered, now_us, set(gone), sign)
    saved = [batch.save(result) for result in ordered]
    batch.write(paused_at_creation=paused_at_creation)
    return saved

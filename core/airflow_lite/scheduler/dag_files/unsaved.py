"""What `--subdir` names: DAG files that are parsed for one command, and of which nothing is saved.

So a command with it speaks of these files alone, whichever file has a DAG's id in the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.errors import DagNotFound, UserError
from airflow_lite.parsing.folder import list_files, mentions, might_contain_dag
from airflow_lite.scheduler.dag_files.now import parse_now
from airflow_lite.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_lite.config import Config
    from airflow_lite.parsing.pool import FileResult
    from airflow_lite.spec.model import DagSpec


class KnownDag(NamedTuple):
    """A DAG as its file has it now."""

    spec: DagSpec
    path: str
    version_id: int | None = None  # in the store; None: its file was named by `--subdir`


def dag_in(config: Config, subdir: Path, dag_id: str) -> KnownDag:
    """Return a DAG of the named files; raise `DagNotFound`, or `UserError` where one is broken."""
    parsed: list[FileResult] = []
    for paths in _likely_first(subdir, dag_id):
        parsed += parse_now(config, paths)
        dags = [KnownDag(spec, file.path) for file in parsed for spec in file.dags]
        mine = [dag for dag in dags if dag.spec.dag_id == dag_id]
        if len(mine) > 1:
            raise UserError(
                f"DAG {dag_id!r} is in {mine[0].path} and again in {mine[1].path}."
                " Name one of them by --subdir."
            )
        if mine:
            return mine[0]
    raise _not_found(subdir, dag_id, parsed)


def _not_found(subdir: Path, dag_id: str, parsed: list[FileResult]) -> UserError:
    broken = [file for file in parsed if file.error is not None]
    if len(broken) == 1 and len(parsed) == 1:
        reason = (broken[0].error or "").partition("\n")[0]
        return UserError(f"{broken[0].path} cannot be imported: {reason}")
    known_ids = [spec.dag_id for file in parsed for spec in file.dags]
    hint = (
        f" {len(broken)} of its files could not be imported:"
        f" see `airflow-lite dags list-import-errors -S {subdir}`."
        if broken
        else ""
    )
    return DagNotFound(
        f"There is no DAG {dag_id[:60]!r} in {subdir}.{did_you_mean(dag_id, known_ids)}{hint}"
    )


def all_in(config: Config, subdir: Path) -> tuple[list[KnownDag], list[FileResult]]:
    """Return the DAGs of the named files by id, and the files that cannot be imported."""
    parsed = files_in(config, subdir)
    dags = [KnownDag(spec, file.path) for file in parsed for spec in file.dags]
    broken = [file for file in parsed if file.error is not None]
    return sorted(dags, key=lambda dag: dag.spec.dag_id), broken


def files_in(config: Config, subdir: Path) -> list[FileResult]:
    """Return what parsing each of the named files gave, by path."""
    paths = filter(might_contain_dag, _listed(subdir))
    return sorted(parse_now(config, paths), key=lambda file: file.path)


def _likely_first(subdir: Path, dag_id: str) -> Iterator[list[str]]:
    """Yield the named files in two parts: those that have the DAG's id in their text first."""
    from airflow_lite.parsing.folder import might_contain_dag

    paths = list(filter(might_contain_dag, _listed(subdir)))
    likely = [path for path in paths if mentions(path, dag_id)]
    yield likely
    yield [path for path in paths if path not in set(likely)]


def _listed(subdir: Path) -> list[str]:
    if not subdir.is_dir():
        return [str(subdir)]
    try:
        return list_files(subdir).paths
    except OSError as error:
        raise UserError(f"--subdir {subdir}: {error.strerror}.") from None

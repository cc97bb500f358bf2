"""Import one DAG file in this process and find its DAGs; its text is not checked."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from airflow_lite.authoring import current
from airflow_lite.authoring.dag import DAG
from airflow_lite.errors import AirflowDagException


def load_file(path: str | Path, *, dags_folder: str | Path | None = None) -> list[DAG]:
    """Import the file and return its DAGs in the order in which they were made.

    These are the DAGs at module level, and those made by `with DAG` or a call of an `@dag`
    function, unless `auto_register=False`. The DAGs of another DAG file that this one imports
    belong to that file. The DAG folder (or, for a file elsewhere, the file's) comes onto
    `sys.path`. The file's own exceptions go through; two DAGs of one id are an
    `AirflowDagException`.
    """
    file = Path(path).absolute()
    folder = _folder(dags_folder)
    _add_to_path(file, folder)
    with current.loading(str(file)) as loading:
        module = _import(file)
        at_top = [value for value in vars(module).values() if isinstance(value, DAG)]
    return _each_once(_own_dags([*loading.dags, *at_top], module.__name__, folder))


def preload(path: str) -> None:
    """Import what the params of a DAG file need if it speaks of them: before a fork, for all files.

    A guess by the file's text. Where it is wrong, the fork imports that itself, in 50 ms.
    """
    from airflow_lite.parsing.folder import read_source

    with suppress(Exception):  # the fork tells what is wrong with the file
        if b"Param" in read_source(path):
            import airflow_lite.spec.json_schema  # noqa: F401


def _folder(dags_folder: str | Path | None) -> Path:
    if dags_folder is None:
        from airflow_lite.config import Config

        dags_folder = Config.load().getpath("core", "dags_folder")
    return Path(dags_folder).absolute()


def _add_to_path(file: Path, folder: Path) -> None:
    entry = str(folder if file.is_relative_to(folder) else file.parent)
    if entry not in sys.path:
        sys.path.append(entry)


def _own_dags(dags: list[DAG], module: str, folder: Path) -> list[DAG]:
    """Leave out the DAGs of other DAG files: else each would belong to two files."""
    if all(dag.importing.name == module for dag in dags):
        return dags
    from airflow_lite.parsing.folder import list_files, might_contain_dag

    others = set(filter(might_contain_dag, list_files(folder).paths)) if folder.is_dir() else set()
    return [dag for dag in dags if dag.importing.name == module or dag.importing.file not in others]


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Always compiles the source: cached bytecode looks fresh within a second of an edit."""

    def path_stats(self, path: str) -> NoReturn:
        """Offer no times to compare, so that no bytecode is read or written."""
        raise OSError(f"No bytecode is kept of {path}.")


def _import(file: Path) -> ModuleType:
    """Import under a name that no other file has, so that equal file names do not collide."""
    name = f"airflow_lite_dag_file_{sha256(str(file).encode()).hexdigest()[:16]}_{file.stem}"
    loader = _FreshLoader(name, str(file))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # a loader was given
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _each_once(dags: list[DAG]) -> list[DAG]:
    by_id: dict[str, DAG] = {}
    for dag in dags:
        if by_id.setdefault(dag.dag_id, dag) is not dag:
            raise AirflowDagException(
                f"Two DAGs in {dag.fileloc} have the id {dag.dag_id!r}. Rename one of them."
            )
    return list(by_id.values())

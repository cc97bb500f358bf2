"""The deletion of task logs: those that are old, and those of a DAG that is deleted."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.worker.task_log.paths import dag_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def delete_old_logs(folder: Path, before_s: float, kept: Collection[Path]) -> Iterator[int]:
    """Delete the logs that nobody wrote to since `before_s`; yield the count of each run's folder.

    `kept` are folders of runs to leave alone: those that are not over.
    """
    for of_dag in _folders(folder, "dag_id="):
        for of_run in _folders(of_dag, "run_id="):
            if of_run not in kept:
                yield _delete_in(of_run, before_s)
        _remove_if_empty(of_dag)


def delete_logs_of_dag(folder: Path, dag_id: str) -> Path | None:
    """Delete every log of a DAG on this machine; return the folder, None if there is none.

    Raises OSError for what cannot be deleted.
    """
    path = dag_folder(folder, dag_id)
    if not path.is_dir():
        return None
    shutil.rmtree(path)
    return path


def _folders(folder: Path, prefix: str) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:  # gone meanwhile, or not ours to read
        return []


def _delete_in(run_folder: Path, before_s: float) -> int:
    count = 0
    for folder, _, names in os.walk(run_folder, topdown=False):
        for name in names:
            path = os.path.join(folder, name)
            if _modified_s(path) < before_s:
                with suppress(OSError):
                    os.unlink(path)
                    count += 1
        _remove_if_empty(folder)
    return count


def _remove_if_empty(folder: str | Path) -> None:
    """Remove a folder that holds nothing; a try that is about to write there makes it again."""
    with suppress(OSError):
        os.rmdir(folder)


def _modified_s(path: str | Path) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:  # gone: nothing to delete
        return float("inf")

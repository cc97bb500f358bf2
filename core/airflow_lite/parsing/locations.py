"""How the store names a DAG file: by its path below the DAG folder, wherever that lies.

So a home that is moved, copied or restored finds its files, and whoever can write to the store
can name no other file than those. Links are followed as they are: who can make one in the DAG
folder can put a DAG file there, too.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from airflow_lite.errors import AirflowDagException


def location_of(path: str, folder: Path | str) -> str:
    """Return the location of a file that was found in the DAG folder."""
    return path.removeprefix(f"{folder}{os.sep}")


def shown_path(location: str, folder: Path | str) -> str:
    """Return the path of a location as people are shown it; it need not be one to run."""
    return os.path.join(folder, location)


def path_of(dag_id: str, location: str, folder: Path | str) -> str:
    """Return the path to run a DAG from; raise `AirflowDagException` if it may lie elsewhere."""
    if not _is_below(location):
        raise AirflowDagException(
            f"DAG {dag_id!r} is not run: the metadata database has its file at {location[:200]!r},"
            " which is no DAG file's path below [core] dags_folder. Touch the DAG's file, so that"
            " it is parsed again."
        )
    return os.path.join(folder, location)


def _is_below(location: str) -> bool:
    """Whether a location is one that `list_files` may have found."""
    parts = PurePosixPath(location).parts
    is_plain = not any(part.startswith(("/", ".")) for part in parts)
    return is_plain and location.endswith(".py") and location.isprintable()

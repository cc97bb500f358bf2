"""What a machine has installed and sees, to be compared between scheduler and workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: The packages whose versions must be the same everywhere.
PACKAGES = ("airflow-lite", "airflow-lite-celery-executor", "celery", "kombu")


def look_around(config: Config) -> dict[str, Any]:
    """Return the versions, the DAG folder and the database, without user and password."""
    from importlib import metadata

    folder = config.get("core", "dags_folder")
    return {
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "dags_folder": folder,
        "sees_dags_folder": os.path.isdir(folder),
        "database": database_of(config.get("database", "sql_alchemy_conn")),
    }


def database_of(url: str) -> str:
    """Return which database a URL names, without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest.rpartition('@')[2].partition('?')[0]}"

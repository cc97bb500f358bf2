"""Ids for the shell's Tab key, read from SQLite by the standard library alone.

SQLAlchemy takes longer to import than a Tab may. Every function takes the path of the database, and
returns (value, what it is) for the values that begin with `prefix`; nothing where the database
cannot be read at once. It is opened for reading only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Choices = list[tuple[str, str]]

#: More than a person looks through.
MOST = 1000
_MOST_RUNS = 100
#: Seconds to wait for a database that is locked.
_PATIENCE_S = 0.02
_LAST_LETTER = "\U0010ffff"


def sqlite_path(url: str) -> str | None:
    """Return the file that a database URL names; None where it is not SQLite's."""
    scheme, separator, path = url.partition(":///")
    if not separator or scheme.partition("+")[0] != "sqlite":
        return None
    return path.partition("?")[0] or None


def dag_ids(path: str, prefix: str) -> Choices:
    """Return the ids of active DAGs, each with its description."""
    return _rows(
        path,
        "SELECT dag_id, COALESCE(description, '') FROM dag"
        " WHERE dag_id >= ? AND dag_id < ? AND is_active ORDER BY dag_id LIMIT ?",
        (*_range(prefix), MOST),
    )


def task_ids(path: str, dag_id: str, prefix: str) -> Choices:
    """Return the ids of the tasks of a DAG's latest version, each with its operator."""
    return _rows(
        path,
        "SELECT task.key, COALESCE(json_extract(task.value, '$.operator'), '')"
        " FROM dag JOIN dag_version ON dag_version.id = dag.version_id,"
        " json_each(dag_version.spec, '$.tasks') AS task"
        " WHERE dag.dag_id = ? AND task.key >= ? AND task.key < ? ORDER BY task.key LIMIT ?",
        (dag_id, *_range(prefix), MOST),
    )


def run_ids(path: str, dag_id: str, prefix: str) -> Choices:
    """Return the ids of a DAG's last runs, each with its state."""
    return _rows(
        path,
        "SELECT run_id, state FROM dag_run"
        " WHERE dag_id = ? AND run_id >= ? AND run_id < ? ORDER BY run_id DESC LIMIT ?",
        (dag_id, *_range(prefix), _MOST_RUNS),
    )


def pools(path: str, prefix: str) -> Choices:
    """Return the names of the pools, each with its description."""
    return _rows(
        path,
        "SELECT name, COALESCE(description, '') FROM pool"
        " WHERE name >= ? AND name < ? ORDER BY name LIMIT ?",
        (*_range(prefix), MOST),
    )


def datasets(path: str, prefix: str) -> Choices:
    """Return the URIs of the datasets."""
    return _rows(
        path,
        "SELECT uri, '' FROM dataset WHERE uri >= ? AND uri < ? ORDER BY uri LIMIT ?",
        (*_range(prefix), MOST),
    )


def variables(path: str, prefix: str) -> Choices:
    """Return the keys of the Variables, each with its description."""
    return _rows(
        path,
        "SELECT key, COALESCE(description, '') FROM variable"
        " WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
        (*_range(prefix), MOST),
    )


def connections(path: str, prefix: str) -> Choices:
    """Return the ids of the connections, each with its type."""
    return _rows(
        path,
        "SELECT conn_id, conn_type FROM connection"
        " WHERE conn_id >= ? AND conn_id < ? ORDER BY conn_id LIMIT ?",
        (*_range(prefix), MOST),
    )


def _range(prefix: str) -> tuple[str, str]:
    """Return the bounds of the words that begin with `prefix`, so that an index serves."""
    return prefix, prefix + _LAST_LETTER


def _rows(path: str, query: str, values: Sequence[object]) -> Choices:
    import sqlite3

    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{escaped}?mode=ro", timeout=_PATIENCE_S, uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
    except sqlite3.Error:
        return []

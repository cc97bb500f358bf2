"""Where the log of one try lies: built from checked ids, and checked again once resolved."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

from airflow_lite.errors import InvalidIdError
from airflow_lite.keys import TaskInstanceKey, check_id, check_run_id
from airflow_lite.private_files import make_folder, open_private

#: A file name may have 255 bytes on usual file systems; a longer component ends in a hash.
_LONGEST = 200
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: What `log_path` makes of ids that are allowed, a hash after those that are too long.
_ID, _RUN_ID, _HASH = r"[\w.-]+", r"[A-Za-z0-9_.~:+-]+", r"(~[0-9a-f]{16})?"
_FORM = re.compile(
    rf"dag_id={_ID}{_HASH}/run_id={_RUN_ID}/task_id={_ID}{_HASH}"
    r"(/map_index=[0-9]+)?/attempt=[0-9]+\.log"
)


def log_path(folder: Path, key: TaskInstanceKey) -> Path:
    """Return the log file of a try; raise `InvalidIdError` if an id could lead elsewhere.

    The form is Airflow's: `dag_id=…/run_id=…/task_id=…[/map_index=n]/attempt={try}.log`.
    """
    parts = [
        _component("dag_id", check_id(key.dag_id, "DAG id")),
        _component("run_id", check_run_id(key.run_id)),
        _component("task_id", check_id(key.task_id, "task id")),
    ]
    if key.map_index >= 0:
        parts.append(f"map_index={int(key.map_index)}")
    return folder.joinpath(*parts, f"attempt={int(key.try_number)}.log")


def dag_folder(folder: Path, dag_id: str) -> Path:
    """Return the folder of all logs of a DAG."""
    return folder / _component("dag_id", check_id(dag_id, "DAG id"))


def run_folder(folder: Path, dag_id: str, run_id: str) -> Path:
    """Return the folder of all logs of a run."""
    return dag_folder(folder, dag_id) / _component("run_id", check_run_id(run_id))


def _component(name: str, value: str) -> str:
    text = f"{name}={value}"
    data = text.encode()
    if len(data) <= _LONGEST:
        return text
    digest = sha256(data).hexdigest()[:16]
    return data[: _LONGEST - len(digest) - 1].decode("utf-8", "ignore") + "~" + digest


def check_inside(folder: Path, path: Path) -> Path:
    """Return `path` resolved; raise `InvalidIdError` if links lead it out of `folder`."""
    # `Path.resolve` does the same in twice the time, and every attempt comes through here.
    resolved = os.path.realpath(path.parent)
    root = os.path.realpath(folder)
    if os.path.commonpath((root, resolved)) != root:
        raise InvalidIdError(f"The log {str(path)!r} lies outside of {str(folder)!r}.")
    return Path(resolved, path.name)


def open_for_writing(folder: Path, key: TaskInstanceKey) -> int:
    """Make the log file of a try if need be; return a descriptor that appends. Raises OSError."""
    return _open_for_writing(folder, log_path(folder, key))


def open_callback_log(folder: Path, key: TaskInstanceKey) -> int:
    """Return a descriptor that appends to the log of a DAG run's own callbacks. Raises OSError."""
    return _open_for_writing(folder, log_path(folder, key).parents[1] / "callbacks.log")


def _open_for_writing(folder: Path, path: Path) -> int:
    try:
        return _made(folder, path)
    except FileNotFoundError:  # whoever deletes old logs took the empty folder meanwhile
        return _made(folder, path)


def _made(folder: Path, path: Path) -> int:
    make_folder(path.parent)
    checked = check_inside(folder, path)
    return open_private(checked, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)


def open_for_reading(folder: Path, key: TaskInstanceKey) -> int:
    """Return a descriptor of the log file of a try; raise OSError, FileNotFoundError if none."""
    return os.open(check_inside(folder, log_path(folder, key)), _READING)


def open_named(folder: Path, path: str) -> int:
    """Return a descriptor of the log file at `path` below `folder`, which somebody else named.

    Raises `InvalidIdError` unless the path is one that `log_path` makes, and OSError.
    """
    if not _FORM.fullmatch(path):
        raise InvalidIdError("That is not the path of a log.")
    return os.open(check_inside(folder, folder / path), _READING)

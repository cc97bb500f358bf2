"""DAG files: the tokens that name them, and what they hold."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from typing import TYPE_CHECKING

from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing import locations
from airflow_lite.secrets_masker import secrets_masker

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: So much of a file is shown.
_MOST_BYTES = 1 << 22


def path_of(config: Config, location: object) -> str:
    """Return the path of a DAG file from what the store has of it."""
    return locations.shown_path(str(location), config.getpath("core", "dags_folder"))


def token_of(location: object) -> str:
    """Return the token of a DAG file. It says which, and opens nothing that the store has not."""
    return base64.urlsafe_b64encode(str(location).encode()).decode().rstrip("=")


def location_of(token: str) -> str | None:
    """Return the DAG file that a token names; None if it is none."""
    padding = "=" * (-len(token) % 4)
    try:
        text = base64.b64decode(token + padding, b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if "\0" not in text else None


def read_source(config: Config, location: str) -> str | None:
    """Return the code of a DAG file, its secrets masked; None if it cannot be read."""
    try:
        path = locations.path_of("", location, config.getpath("core", "dags_folder"))
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            code = file.read(_MOST_BYTES)
    except (AirflowDagException, OSError):
        return None
    return secrets_masker().text(code.decode("utf-8", "replace"))


def _at_once(path: str, flags: int) -> int:
    """Open a file; do not wait for a writer if it is a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)

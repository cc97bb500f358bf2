"""JSON files in the home that save work. A file of an old format, or a broken one, is ignored."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from airflow_lite.config import Config


def read(config: Config, name: str, form: int) -> dict[str, Any]:
    """Return what the file holds, if it was written in this form; else nothing."""
    try:
        with open(config.path(name), "rb") as file:
            kept = json.load(file)
        return dict(kept) if kept["format"] == form else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write(config: Config, name: str, form: int, fields: dict[str, Any]) -> None:
    """Write the file if there is a home to keep it in; ignore a home that is read-only."""
    if not config.home.is_dir():
        return
    file = config.home / name
    unfinished = file.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.write_text(json.dumps({"format": form, **fields}))
        unfinished.replace(file)

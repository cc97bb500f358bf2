"""Where plugins are searched, and how one sees cheaply that nothing changed there."""

from __future__ import annotations

import os
import sys
from typing import Any


def search_key() -> list[list[Any]]:
    """Return [directory, st_mtime_ns] of each directory of `sys.path`, each once, in order."""
    key = []
    for directory in dict.fromkeys(os.path.abspath(entry or ".") for entry in sys.path):
        try:
            found = os.stat(directory)
        except OSError:
            continue
        if os.path.isdir(directory):
            key.append([directory, found.st_mtime_ns])
    return key

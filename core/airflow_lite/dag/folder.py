"""The folder of DAG files: which files count, and whether one has changed since it was parsed.

Only looks and reads; what is in a file never runs here, and nothing that may block is opened.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

IGNORE_FILE = ".airflowignore"
#: Reading stops here when a file is searched for the two words, and before it is imported.
LARGEST_FILE = 64 * 1024 * 1024
_SKIPPED_FOLDERS = {"__pycache__"}


@dataclass
class Listing:
    """The Python files of a folder, sorted, and a line for each thing that was passed over."""

    paths: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Rules:
    """Patterns of the .airflowignore files from the folder down; Airflow's regexp syntax."""

    base: str
    patterns: tuple[re.Pattern[str], ...] = ()

    def ignores(self, path: str) -> bool:
        relative = os.path.relpath(path, self.base)
        return any(pattern.search(relative) for pattern in self.patterns)


def list_files(folder: Path) -> Listing:
    """Return every `*.py` under `folder` that no .airflowignore names; raise `OSError`.

    Links to folders are followed, each folder once. What is named `*.py` and is no regular file is
    listed, too: parsing it says what is wrong.
    """
    found = Listing()
    base = str(folder.absolute())
    _list(base, _Rules(base), found, seen={_identity(os.stat(base))})
    found.paths.sort()
    return found


def _list(folder: str, rules: _Rules, found: Listing, seen: set[tuple[int, int]]) -> None:
    rules = _with_ignore_file(folder, rules, found)
    with os.scandir(folder) as entries:
        for entry in entries:
            if not rules.ignores(entry.path):
                _list_entry(entry, rules, found, seen)


def _list_entry(
    entry: os.DirEntry[str], rules: _Rules, found: Listing, seen: set[tuple[int, int]]
) -> None:
    if _is_folder(entry):
        if entry.name not in _SKIPPED_FOLDERS and not entry.name.startswith("."):
            _enter(entry, rules, found, seen)
    elif entry.name.endswith(".py"):
        if entry.path.isprintable():
            found.paths.append(entry.path)
        else:
            found.notices.append(f"{entry.path!a} is skipped: rename it in plain letters.")
    elif entry.name.endswith(".zip"):
        found.notices.append(f"{entry.path} is skipped: DAGs in zip files are not supported.")


def _enter(
    entry: os.DirEntry[str], rules: _Rules, found: Listing, seen: set[tuple[int, int]]
) -> None:
    try:
        identity = _identity(entry.stat())
        if identity not in seen:
            seen.add(identity)
            _list(entry.path, rules, found, seen)
    except OSError as error:
        found.notices.append(f"{entry.path} is skipped: {error.strerror}.")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _with_ignore_file(folder: str, rules: _Rules, found: Listing) -> _Rules:
    path = os.path.join(folder, IGNORE_FILE)
    try:
        text = read_source(path).decode("utf-8", "replace")
    except FileNotFoundError:
        return rules
    except (OSError, ValueError) as error:
        found.notices.append(f"{path} is not used: {error}.")
        return rules
    patterns = list(rules.patterns)
    for line in text.splitlines():
        pattern = re.sub(r"\s*#.*", "", line)
        try:
            patterns += [re.compile(pattern)] if pattern else []
        except re.error as error:
            found.notices.append(f"{path}: {pattern!r} is not a regular expression: {error}.")
    return _Rules(rules.base, tuple(patterns))


def read_source(path: str) -> bytes:
    """Return what is in a regular file, without ever waiting for it.

    Raises `OSError` as opening does, and `ValueError` if it is no regular file or too large.
    """
    # A FIFO would keep an ordinary open() until someone writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE >> 20} MB")
        return file.read(LARGEST_FILE)


def might_contain_dag(path: str) -> bool:
    """Return whether a file has both "dag" and "airflow" in it, in any case: Airflow's heuristic.

    True also for what cannot be read: parsing it says why.
    """
    try:
        text = read_source(path).lower()
    except (OSError, ValueError):
        return True
    return b"dag" in text and b"airflow" in text


def fingerprint(path: str) -> str:
    """Return what changes when a file does: its time, size and kind. Never opens it."""
    try:
        status = os.stat(path)
    except OSError as error:
        return f"error-{error.errno}"
    return f"{status.st_mtime_ns}-{status.st_size}-{stat.S_IFMT(status.st_mode):o}"


def with_modules(own: str, modules: Iterable[str]) -> str:
    """Return a file's fingerprint joined with those of the modules that it imported."""
    return "\n".join([own, *(f"{fingerprint(module)} {module}" for module in sorted(modules))])


def has_changed(path: str, known: str) -> bool:
    """Return whether a file or one of its modules is no more as in the fingerprint `known`."""
    own, *modules = known.split("\n")
    return fingerprint(path) != own or any(
        fingerprint(module) != stamp
        for stamp, _, module in (line.partition(" ") for line in modules)
    )

"""The folder of DAG files: which files count, and whether one has changed since it was parsed.

Files are read here, never run, and nothing that may block is opened.
"""

from __future__ import annotations

import math
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

_Patterns = tuple[re.Pattern[str], ...]

IGNORE_FILE = ".airflowignore"
#: Reading stops here when a file is searched for the two words, and before it is imported.
LARGEST_FILE = 64 * 1024 * 1024
#: A file that was not changed for so many seconds is taken for whole, and so is its error. What
#: runs tasks looks at one that may not be whole as often as this.
SETTLE_S, LOOK_AGAIN_S = 3.0, 0.5


@dataclass
class Listing:
    """The Python files of a folder, sorted, and a line for each file that was skipped."""

    paths: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def list_files(folder: Path) -> Listing:
    """Return every `*.py` under `folder` that no .airflowignore names; raise `OSError`.

    Hidden files and folders are skipped: editors keep such beside a file. Links to folders are
    followed, each folder once. A `*.py` that is no regular file is listed, too: parsing it says
    what is wrong.
    """
    listing = Listing()
    base = str(folder.absolute())
    patterns: dict[str, _Patterns] = {}  # of each folder, with those of all above it
    visited: set[tuple[int, int]] = set()

    def skip(error: OSError) -> None:
        if error.filename == base:
            raise error
        listing.notices.append(f"{error.filename} is skipped: {error.strerror}.")

    for here, folders, files in os.walk(base, onerror=skip, followlinks=True):
        try:
            status = os.stat(here)
        except OSError as error:  # gone since it was seen
            skip(error)
            continue
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        patterns[here] = patterns.get(os.path.dirname(here), ()) + _ignored(here, listing)
        is_listed = _name_test(os.path.relpath(here, base), patterns[here])
        folders[:] = sorted(
            name for name in folders if name[0] != "." and name != "__pycache__" and is_listed(name)
        )
        for name in files:
            if name[0] != "." and is_listed(name):
                _add_file(os.path.join(here, name), listing)
    listing.paths.sort()
    return listing


def _name_test(here: str, patterns: _Patterns) -> Callable[[str], bool]:
    """Return a test of names in a folder against the patterns for it: Airflow's regexps."""

    def test(name: str) -> bool:
        path = os.path.normpath(os.path.join(here, name))
        return not any(pattern.search(path) for pattern in patterns)

    return test


def _add_file(path: str, listing: Listing) -> None:
    if path.endswith(".zip"):
        listing.notices.append(f"{path} is skipped: DAGs in zip files are not supported.")
    elif path.endswith(".py") and not path.isprintable():
        listing.notices.append(f"{path!a} is skipped: its name cannot be printed. Rename it.")
    elif path.endswith(".py"):
        listing.paths.append(path)


def _ignored(folder: str, listing: Listing) -> _Patterns:
    """Return the patterns of a folder's own .airflowignore."""
    path = os.path.join(folder, IGNORE_FILE)
    try:
        text = read_source(path).decode("utf-8", "replace")
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        listing.notices.append(f"{path} is not used: {error}.")
        return ()
    patterns = []
    for line in text.splitlines():
        pattern = re.sub(r"\s*#.*", "", line)
        try:
            patterns += [re.compile(pattern)] if pattern else []
        except re.error as error:
            listing.notices.append(f"{path}: {pattern!r} is not a regular expression: {error}.")
    return tuple(patterns)


def read_source(path: str) -> bytes:
    """Return the content of a regular file, without ever waiting for it.

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

    True also for a file that cannot be read, and for UTF-16: parsing it says what is wrong.
    """
    try:
        text = read_source(path).replace(b"\0", b"").lower()
    except (OSError, ValueError):
        return True
    return b"dag" in text and b"airflow" in text


def mentions(path: str, dag_id: str) -> bool:
    """Return whether a DAG's id is in the text of a file."""
    try:
        return dag_id.encode() in read_source(path)
    except (OSError, ValueError):
        return False


def fingerprint(path: str) -> str:
    """Return a text that changes when a file does: its times, size and kind. Never opens it.

    The time of the inode's change distinguishes two files of one size and time, as in images and
    archives where all times are the same.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        return f"error-{error.errno}"
    times = f"{status.st_mtime_ns}-{status.st_ctime_ns}"
    return f"{times}-{status.st_size}-{stat.S_IFMT(status.st_mode):o}"


def is_settling(paths: Iterable[str]) -> bool:
    """Return whether one of these files was changed just now: it may not be whole yet."""
    return any(_age_s(path) < SETTLE_S for path in paths)


def _age_s(path: str) -> float:
    try:
        return abs(time.time() - os.stat(path).st_ctime)
    except OSError:
        return math.inf


def with_modules(own: str, modules: Iterable[str], folder: Path | str) -> str:
    """Return a file's fingerprint joined with those of the modules that it imported.

    Modules are named by their path below `folder`, where they lie in it: it may be moved.
    """
    lines = [
        f"{fingerprint(module)} {module.removeprefix(f'{folder}{os.sep}')}"
        for module in sorted(modules)
    ]
    return "\n".join([own, *lines])


def has_changed(path: str, old_fingerprint: str, folder: Path | str) -> bool:
    """Return whether a file or one of its modules differs from `old_fingerprint`."""
    own, *modules = old_fingerprint.split("\n")
    return fingerprint(path) != own or any(
        fingerprint(os.path.join(folder, module)) != stamp
        for stamp, _, module in (line.partition(" ") for line in modules)
    )

"""`airflow-lite man`: pages are found by the records of the distributions that brought them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from airflow_lite.cli import context
from airflow_lite.cli.core_commands import CORE_COMMANDS
from airflow_lite.cli.program import PROGRAM
from airflow_lite.config import Config
from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.model import Plugin
from airflow_lite.text import did_you_mean

#: A letter struck over another: how a page for a printer is bold or underlined.
_OVERSTRUCK = re.compile(".\b")
_ESCAPE = re.compile("\x1b\\[[0-9;]*m")


class PageNotFound(UserError):
    """There is no such page. Read about all commands with `airflow-lite man`."""


class NoManError(UserError):
    """The program `man` is not installed. Install man-db or mandoc."""


def man(args: context.Args) -> int:
    """Show a page: in the pager on a terminal, as plain text anywhere else."""
    viewer = _viewer(_find_page(args.name, context.config(args)))
    if sys.stdout.isatty():
        sys.stdout.flush()
        return subprocess.run(viewer, check=False).returncode
    print(_plain_text(viewer), end="")
    return 0


def _viewer(path: Path) -> list[str]:
    """Return the command that shows the file; raise `NoManError`."""
    if shutil.which("man"):
        return ["man", "-l", str(path)]
    if shutil.which("mandoc"):
        return ["mandoc", "-a" if sys.stdout.isatty() else "-Tutf8", str(path)]
    raise NoManError(
        "The program `man` is not installed. Install man-db or mandoc, or see `--help`;"
        f" the page is {path}."
    )


def _plain_text(viewer: list[str]) -> str:
    environ = {**os.environ, "MANPAGER": "cat", "PAGER": "cat", "GROFF_NO_SGR": "1"}
    environ.setdefault("MANWIDTH", "80")
    done = subprocess.run(viewer, env=environ, capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise UserError(f"`{' '.join(viewer)}` failed: {reason}. See `--help` instead.")
    return _ESCAPE.sub("", _OVERSTRUCK.sub("", done.stdout.decode(errors="replace")))


def _find_page(word: str | None, config: Config) -> Path:
    """Return the page of the program, or of the group that `word` names; raise `PageNotFound`."""
    page_name = PROGRAM if not word else f"{PROGRAM}-{word.removeprefix(PROGRAM).lstrip('-')}"
    pages = _installed_pages(config)
    path = pages.get(page_name.rstrip("-"))
    if path is not None:
        return path
    groups = {entry.name for entry in CORE_COMMANDS if entry.is_group}
    if not word or word in groups:
        raise PageNotFound(
            f"The page {page_name}(1) is not installed. Install {PROGRAM} from its wheel, or see"
            f" `{' '.join(filter(None, (PROGRAM, word)))} --help`."
        )
    names = groups | {name.removeprefix(f"{PROGRAM}-") for name in pages}
    raise PageNotFound(
        f"There is no page {word[:60]!r}.{did_you_mean(word, names)}"
        f" Read about all commands with `{PROGRAM} man`."
    )


def _installed_pages(config: Config) -> dict[str, Path]:
    """Return the pages that airflow-lite and its plugins installed, by name."""
    from airflow_lite.plugins.discovery.index import installed_plugins

    plugins = installed_plugins(config)
    return {page.stem: page for plugin in plugins for page in _pages_of(plugin)}


def _pages_of(plugin: Plugin) -> list[Path]:
    """Return the pages in the record of one distribution; none if it has no record."""
    from importlib.metadata import PathDistribution

    try:
        files = PathDistribution(Path(plugin.location)).files or []
    except (OSError, ValueError):  # a record that is no record
        return []
    named = [file for file in files if file.match(f"man1/{PROGRAM}*.1")]
    pages = [Path(str(file.locate())).resolve() for file in named]
    return [page for page in pages if page.is_file()]

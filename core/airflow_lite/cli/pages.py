"""Where the installed man pages are: told by the records of the distributions that brought them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.cli.core_commands import CORE_COMMANDS
from airflow_lite.errors import UserError
from airflow_lite.words import PROGRAM, did_you_mean

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.plugins.model import Plugin


class Page(NamedTuple):
    """A page's name, such as `airflow-lite-dags`, and its file."""

    name: str
    path: Path


class PageNotFound(UserError):
    """There is no such page. Read about all commands with `airflow-lite man`."""


def find_page(word: str | None, config: Config) -> Page:
    """Return the page of the program, or of the group that `word` names; raise `PageNotFound`."""
    wanted = PROGRAM if not word else f"{PROGRAM}-{word.removeprefix(PROGRAM).lstrip('-')}"
    pages = installed_pages(config)
    found = next((page for page in pages if page.name == wanted.rstrip("-")), None)
    if found is not None:
        return found
    if not word or word in {entry.name for entry in CORE_COMMANDS if entry.is_group}:
        raise PageNotFound(
            f"The page {wanted}(1) is not installed. Install {PROGRAM} from its wheel, or see"
            f" `{' '.join(filter(None, (PROGRAM, word)))} --help`."
        )
    names = {page.name.removeprefix(f"{PROGRAM}-") for page in pages}
    names |= {entry.name for entry in CORE_COMMANDS if entry.is_group}
    raise PageNotFound(
        f"There is no page {word[:60]!r}.{did_you_mean(word, names)}"
        f" Read about all commands with `{PROGRAM} man`."
    )


def installed_pages(config: Config) -> list[Page]:
    """Return the pages that airflow-lite and its plugins installed, by name."""
    from airflow_lite.plugins.index import installed_plugins

    pages = [page for plugin in installed_plugins(config) for page in _pages_of(plugin)]
    return sorted(pages)


def _pages_of(plugin: Plugin) -> list[Page]:
    """Return the pages in the record of one distribution; none if it has no record."""
    from importlib.metadata import PathDistribution

    distribution = PathDistribution(Path(plugin.location))
    try:
        files = distribution.files or []
    except (OSError, ValueError):  # a record that is no record
        return []
    found = [Path(str(file.locate())) for file in files if _is_page(file.parts)]
    return [Page(path.stem, path.resolve()) for path in found if path.is_file()]


def _is_page(parts: tuple[str, ...]) -> bool:
    folder, name = parts[-2:] if len(parts) > 1 else ("", "")
    return folder == "man1" and name.startswith(PROGRAM) and name.endswith(".1")

"""Writing a complete distribution for an executor of one's own, from the template beside us.

The template is itself such a distribution, `my-executor`: its names are replaced.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from airflow_lite import __version__
from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS, KNOWN_PACKAGES

TEMPLATE = Path(__file__).parent / "template"
#: The versions of the core that the template requires.
TEMPLATE_RANGE = "airflow-lite>=0.1.0.dev0,<0.2"
#: Ends the names of files that tools would take for their settings of the template.
_SUFFIX = ".in"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: The template's lines have room for names of as many letters.
_LONGEST = 40


class Names(NamedTuple):
    """What a new distribution, its package and group of commands, and its executor are called."""

    distribution: str
    package: str
    executor: str


def names_of(name: str, core_names: Collection[str] = ()) -> Names:
    """Return the names that follow from a distribution's; raise `UserError` for a bad one.

    `core_names` are the core's commands, which no plugin can take.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name[:60]!r} cannot be a distribution's name here. Use lower-case letters, digits "
            "and single `-` between them, such as my-executor."
        )
    if len(name) > _LONGEST:
        raise UserError(
            f"{name[:60]!r} is too long a name here: {len(name)} letters. Use {_LONGEST} at most."
        )
    package = name.replace("-", "_")
    executor = "".join(word.capitalize() for word in name.split("-"))
    executor = executor if executor.endswith("Executor") else f"{executor}Executor"
    reserved = {group.group for group in KNOWN_PACKAGES} | {*core_names, "airflow_lite"}
    reserved |= {group.executor for group in KNOWN_PACKAGES} | set(CORE_EXECUTORS)
    taken = {package, executor} & reserved
    if taken or package in sys.stdlib_module_names or keyword.iskeyword(package):
        raise UserError(
            f"{(taken or {package}).pop()!r} is taken, by airflow-lite or by Python. Choose "
            "another name."
        )
    return Names(name, package, executor)


def write_plugin(names: Names, folder: Path) -> list[Path]:
    """Write the distribution into `folder`, which is made; return its files.

    Raises `UserError` if the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists already. Choose another name, or move it away.")
    written = []
    try:
        for source in sorted(TEMPLATE.rglob("*"), key=lambda file: (file.parent, file.name)):
            if source.is_dir() or source.parent.name == "__pycache__":
                continue
            relative = str(source.relative_to(TEMPLATE))
            file = folder / _renamed(relative, names).removesuffix(_SUFFIX)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_renamed(source.read_text(encoding="utf-8"), names), encoding="utf-8")
            written.append(file)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. Choose another folder."
        ) from None
    return written


def _renamed(text: str, names: Names) -> str:
    text = text.replace(TEMPLATE_RANGE, f"airflow-lite{core_range(__version__)}")
    text = text.replace("my_executor", names.package).replace("my-executor", names.distribution)
    text = text.replace("MY_EXECUTOR", names.package.upper())
    return text.replace("MyExecutor", names.executor)


def core_range(version: str) -> str:
    """Return the versions of the core that a plugin made now may expect to work with."""
    major, minor = (int(part) for part in re.findall(r"\d+", version)[:2])
    following = f"{major}.{minor + 1}" if major == 0 else f"{major + 1}"
    return f">={major}.{minor}.0.dev0,<{following}"

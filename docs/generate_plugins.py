"""What the plugins of this tree add to the reference: their commands and options, as data."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.api.commands.spec import GroupCommand

if TYPE_CHECKING:
    from airflow_lite.config import ConfigOption

PLUGINS = Path(__file__).parent.parent / "plugins"


class Bundled(NamedTuple):
    """A plugin of the tree."""

    distribution: str
    executor: str
    groups: list[GroupCommand]
    options: list[ConfigOption]


def plugins() -> list[Bundled]:
    """Return the plugins of the tree, by name."""
    return [_bundled(file) for file in sorted(PLUGINS.glob("*_executor/pyproject.toml"))]


def _bundled(pyproject: Path) -> Bundled:
    project = tomllib.loads(pyproject.read_text())["project"]
    points = project["entry-points"]
    source = str(pyproject.parent / "src")
    sys.path.insert(0, source)
    try:
        modules = [import_module(name) for name in points["airflow_lite.plugins.v1"].values()]
        groups = [group for module in modules for group in module.get_cli_commands()]
        options = [
            option for module in modules for option in getattr(module, "get_config_options", list)()
        ]
    finally:
        sys.path.remove(source)
    executor = next(iter(points["airflow_lite.executors.v1"]))
    return Bundled(project["name"], executor, groups, options)

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
    executor: str | None  # None: its commands need no executor
    groups: list[GroupCommand]
    options: list[ConfigOption]


def plugins() -> list[Bundled]:
    """Return the plugins of the tree, by name."""
    files = sorted(PLUGINS.glob("*/pyproject.toml"))
    return [_bundled(file) for file in files if "airflow_lite.plugins.v1" in file.read_text()]


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
    executor = next(iter(points.get("airflow_lite.executors.v1", ())), None)
    return Bundled(project["name"], executor, groups, options)

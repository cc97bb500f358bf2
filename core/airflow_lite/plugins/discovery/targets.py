"""The entry points that are imported to use a distribution: classes, modules and functions."""

from __future__ import annotations

from typing import NamedTuple

from airflow_lite.plugins.discovery.model import Plugin

EXECUTOR = "executor"
MODULE = "module"
FUNCTION = "function"
TIMETABLE = "timetable"
BACKEND = "secrets backend"


class Target(NamedTuple):
    """An entry point to probe: `kind` is EXECUTOR, MODULE, FUNCTION, TIMETABLE or BACKEND."""

    kind: str
    name: str
    value: str


def modules_of(plugin: Plugin) -> list[Target]:
    """Return the modules with a distribution's hooks."""
    return [Target(MODULE, *entry) for entry in plugin.groups]


def functions_of(plugin: Plugin) -> list[Target]:
    """Return the functions that are called before DAG files are imported."""
    return [Target(FUNCTION, *entry) for entry in plugin.authoring]


def timetables_of(plugin: Plugin) -> list[Target]:
    """Return the classes of a distribution's timetables."""
    return [Target(TIMETABLE, *entry) for entry in plugin.timetables]


def targets_of(plugin: Plugin) -> list[Target]:
    """Return every entry point of a distribution, modules first."""
    executors = [Target(EXECUTOR, *entry) for entry in plugin.executors]
    return [
        *modules_of(plugin),
        *executors,
        *functions_of(plugin),
        *timetables_of(plugin),
        *_backends_of(plugin),
    ]


def _backends_of(plugin: Plugin) -> list[Target]:
    """Return the classes of secrets backends; a path may have a dot before the class."""
    return [
        Target(BACKEND, entry.name, entry.value if ":" in entry.value else _coloned(entry.value))
        for entry in plugin.secrets
    ]


def _coloned(path: str) -> str:
    module, _, name = path.rpartition(".")
    return f"{module}:{name}" if module else name

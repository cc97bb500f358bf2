"""The entry points that are imported to use a distribution: executor classes and modules."""

from __future__ import annotations

from typing import NamedTuple

from airflow_lite.plugins.discovery.model import Plugin

EXECUTOR = "executor"
MODULE = "module"


class Target(NamedTuple):
    """An entry point to probe: `kind` is EXECUTOR or MODULE."""

    kind: str
    name: str
    value: str


def modules_of(plugin: Plugin) -> list[Target]:
    """Return the modules with a distribution's hooks."""
    return [Target(MODULE, *entry) for entry in plugin.groups]


def targets_of(plugin: Plugin) -> list[Target]:
    """Return every entry point of a distribution, modules first."""
    return [*modules_of(plugin), *(Target(EXECUTOR, *entry) for entry in plugin.executors)]

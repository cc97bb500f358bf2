"""Which distributions are in use: the configured executor's, and those that it requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.model import CORE, Plugin
from airflow_lite.plugins.discovery.owners import in_conflict, is_meant

if TYPE_CHECKING:
    from airflow_lite.config import Config


def class_only(config: Config) -> list[Plugin]:
    """Return the plugins whose groups only their executors' classes could tell."""
    plugins = [plugin for plugin in installed_plugins(config) if plugin.is_ready]
    return [plugin for plugin in plugins if not plugin.is_core and not plugin.groups]


def companions(config: Config) -> list[Plugin]:
    """Return the plugins in use.

    These are the configured executor's, those that it requires, and those without executors.
    """
    plugins = [plugin for plugin in in_conflict(installed_plugins(config)) if plugin.is_ready]
    name = config.get("core", "executor").strip()
    wanted: set[str] = set()
    for plugin in plugins:
        if any(is_meant(entry, name) for entry in plugin.executors):
            wanted |= {plugin.distribution, *plugin.requires}
    return [
        plugin
        for plugin in plugins
        if plugin.groups and (plugin.distribution in wanted - {CORE} or not plugin.executors)
    ]

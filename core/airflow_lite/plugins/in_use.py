"""Which distributions are in use: the configured executor's, and those that it requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.model import CORE, Plugin
from airflow_lite.plugins.discovery.owners import in_conflict, is_meant

if TYPE_CHECKING:
    from airflow_lite.config import Config


def class_only(config: Config) -> list[Plugin]:
    """Return the plugins without a module: their groups come from their executors' classes."""
    plugins = [plugin for plugin in installed_plugins(config) if plugin.is_ready]
    return [plugin for plugin in plugins if not plugin.is_core and not plugin.groups]


def plugins_in_use(config: Config) -> list[Plugin]:
    """Return the plugins in use that have groups of commands.

    These are the configured executor's, those that it requires, and those without executors.
    """
    plugins = [plugin for plugin in in_conflict(installed_plugins(config)) if plugin.is_ready]
    name = config.get("core", "executor").strip()
    distributions: set[str] = set()
    for plugin in plugins:
        if any(is_meant(entry, name) for entry in plugin.executors):
            distributions |= {plugin.distribution, *plugin.requires}
    return [
        plugin
        for plugin in plugins
        if plugin.groups and (plugin.distribution in distributions - {CORE} or not plugin.executors)
    ]

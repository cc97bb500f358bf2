"""Importing the module of one plugin, when something of it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.importing import (
    ImportFailedError,
    ModuleMissingError,
    import_module_named,
)
from airflow_lite.plugins.registry import PluginError, Registry

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.plugins.model import Plugin


def register_plugin(registry: Registry, plugin: Plugin) -> None:
    """Import the modules of a plugin's `plugins.v1` entries; raise `PluginError`."""
    for entry in plugin.groups:
        try:
            module = import_module_named(entry.value)
        except (ImportFailedError, ModuleMissingError) as error:
            raise PluginError(
                f"Plugin {plugin.title} cannot be loaded: {error} Or remove it with "
                f"`pip uninstall {plugin.distribution}`."
            ) from error
        registry.register(module, plugin.title)


def listening_plugins(config: Config) -> Registry:
    """Return a registry of the plugins that go with the configured executor.

    A plugin that cannot be loaded is logged and left out.
    """
    import logging

    from airflow_lite.plugins.groups import companions

    registry = Registry()
    for plugin in companions(config):
        try:
            register_plugin(registry, plugin)
        except PluginError as error:
            logging.getLogger(__name__).error("%s", error)
    return registry

"""Importing the module of one plugin, when something of it is needed."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

from airflow_lite.config import Config
from airflow_lite.importing import (
    ImportFailedError,
    ModuleMissingError,
    import_module_named,
)
from airflow_lite.plugins.model import Plugin, PluginError
from airflow_lite.plugins.quarantine import checked
from airflow_lite.plugins.registry import Registry
from airflow_lite.plugins.verdict import Verdict, modules_of


def register_plugin(registry: Registry, plugin: Plugin, config: Config) -> list[Verdict]:
    """Import the modules of a plugin's `plugins.v1` entries, once a child could.

    Returns the verdicts on them; raises `PluginError`. What a module prints goes to stderr.
    """
    verdicts = checked(plugin, modules_of(plugin), config)
    for entry in plugin.groups:
        try:
            with redirect_stdout(sys.stderr):
                module = import_module_named(entry.value)
        except (ImportFailedError, ModuleMissingError) as error:
            raise PluginError(
                f"Plugin {plugin.title} cannot be loaded: {error} Or {plugin.removal}"
            ) from error
        registry.register(module, plugin.title)
    return verdicts


def listening_plugins(config: Config) -> Registry:
    """Return a registry of the plugins that go with the configured executor.

    A plugin that cannot be loaded is logged and left out; with `[plugins] strict` it raises.
    """
    import logging

    from airflow_lite.plugins.groups import companions

    registry = Registry()
    for plugin in companions(config):
        try:
            register_plugin(registry, plugin, config)
        except PluginError as error:
            if config.getboolean("plugins", "strict"):
                raise
            logging.getLogger(__name__).error("%s", error)
    return registry

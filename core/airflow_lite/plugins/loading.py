"""Loading a plugin: its options, known from its probe, and its modules."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout

from airflow_lite.config import Config, ConfigOption
from airflow_lite.imports import (
    ImportFailedError,
    ModuleMissingError,
    import_module_named,
)
from airflow_lite.plugins.discovery.model import Plugin, PluginError
from airflow_lite.plugins.discovery.targets import modules_of
from airflow_lite.plugins.probing.quarantine import checked
from airflow_lite.plugins.probing.verdict import Verdict, may_declare
from airflow_lite.plugins.registry import Registry

logger = logging.getLogger(__name__)


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
    from airflow_lite.plugins.in_use import plugins_in_use

    registry = Registry()
    for plugin in plugins_in_use(config):
        try:
            register_plugin(registry, plugin, config)
        except PluginError as error:
            if config.getboolean("plugins", "strict"):
                raise
            logger.error("%s", error)
    return registry


def add_known_options(config: Config) -> list[str]:
    """Let `config` know the options of the plugins in use; return a line for each that fails.

    A plugin that was never used is probed, in a child process.
    """
    from airflow_lite.plugins.in_use import plugins_in_use

    failed = []
    for plugin in plugins_in_use(config):
        try:
            add_options(plugin, config)
        except PluginError as error:
            failed.append(str(error))
    return failed


def add_options_of_executor(config: Config, besides: Plugin | None = None) -> None:
    """Let `config` know the options of the plugins that go with the configured executor.

    One that cannot be loaded is logged: the executor may do without it.
    """
    from airflow_lite.plugins.in_use import configured, plugins_of

    for plugin in plugins_of(configured(config), config):
        if besides is not None and plugin.distribution == besides.distribution:
            continue
        try:
            add_options(plugin, config)
        except PluginError as error:
            logger.warning("%s", error)


def add_options(plugin: Plugin, config: Config, verdicts: Iterable[Verdict] | None = None) -> None:
    """Let `config` know the options that a plugin declares, from the verdicts on it.

    They are looked up, or the plugin probed, where they are not given. Raises `PluginError`.
    """
    names = {(option.section, option.name) for option in config.options()}
    for verdict in checked(plugin, modules_of(plugin), config) if verdicts is None else verdicts:
        for option in verdict.options:
            section, name, *_ = option
            if not may_declare(plugin, section):
                logger.warning(
                    "Plugin %s declares the option [%s] %s outside its own section. It is ignored.",
                    plugin.title,
                    section,
                    name,
                )
            elif (section, name) not in names:
                config.plugin_options += (ConfigOption(*option),)
    added = {option.section for option in config.options()} - {name for name, _ in names}
    if added:
        for line in config.unknown_options(added):
            logger.warning("%s", line)

"""The options that plugins declare, each in the section named like its group of commands."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from airflow_lite.config import Config, ConfigOption
from airflow_lite.plugins.model import Plugin
from airflow_lite.plugins.quarantine import checked
from airflow_lite.plugins.verdict import Verdict, may_declare, modules_of

logger = logging.getLogger(__name__)


def add_known_options(config: Config) -> list[str]:
    """Let `config` know the options of the plugins in use; return a line for each that fails.

    A plugin that was never used is probed, in a child process.
    """
    from airflow_lite.plugins.groups import companions
    from airflow_lite.plugins.model import PluginError

    failed = []
    for plugin in companions(config):
        try:
            add_options(plugin, config)
        except PluginError as error:
            failed.append(str(error))
    return failed


def add_options(plugin: Plugin, config: Config, verdicts: Iterable[Verdict] | None = None) -> None:
    """Let `config` know the options that a plugin declares, from the verdicts on it.

    They are looked up, or the plugin probed, where they are not given. Raises `PluginError`.
    """
    known = {(option.section, option.name) for option in config.options()}
    for verdict in checked(plugin, modules_of(plugin), config) if verdicts is None else verdicts:
        for option in verdict.options:
            section, name, *_ = option
            if not may_declare(plugin, section):
                logger.warning(
                    "Plugin %s declares [%s] %s, but not in a section of its own; left out.",
                    plugin.title,
                    section,
                    name,
                )
            elif (section, name) not in known:
                config.plugin_options += (ConfigOption(*option),)

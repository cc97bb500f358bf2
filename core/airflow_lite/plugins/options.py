"""The options that plugins declare, each in the section named like its group of commands."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_lite.plugins.loading import register_plugin
from airflow_lite.plugins.registry import Registry

if TYPE_CHECKING:
    from airflow_lite.config import Config, ConfigOption
    from airflow_lite.plugins.model import Plugin

logger = logging.getLogger(__name__)


def add_options(plugin: Plugin, config: Config) -> None:
    """Let `config` know the options that a plugin declares; raise `PluginError`."""
    if not plugin.groups:
        return
    registry = Registry()
    register_plugin(registry, plugin)
    known = {(option.section, option.name) for option in config.options()}
    found = [
        option
        for answer in registry.call("get_config_options")
        for option in answer.value or ()
        if (option.section, option.name) not in known and _may_declare(plugin, option)
    ]
    config.plugin_options = (*config.plugin_options, *found)


def _may_declare(plugin: Plugin, option: ConfigOption) -> bool:
    sections = [entry.name for entry in plugin.groups]
    if option.section in sections:
        return True
    logger.warning(
        "Plugin %s declares [%s] %s, but may do so in [%s] alone; left out.",
        plugin.title,
        option.section,
        option.name,
        "], [".join(sections),
    )
    return False

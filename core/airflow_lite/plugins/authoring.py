"""The functions of plugins that are called before DAG files are imported."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_lite.imports import import_string
from airflow_lite.parsing.authoring_hooks import AuthoringHook, call_hooks
from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.model import PluginError

if TYPE_CHECKING:
    from airflow_lite.config import Config

logger = logging.getLogger(__name__)


def authoring_hooks(config: Config, *, warns: bool = False) -> tuple[AuthoringHook, ...]:
    """Return the functions in `authoring.v1` of the plugins that can be used; none is called.

    A plugin that was never used is probed, in a child process. One that cannot be used is logged
    once and left out; with `[plugins] strict` it raises. `warns`: what probes warn of is logged,
    too, which one process of an installation is to do.
    """
    plugins = installed_plugins(config)
    if not any(plugin.authoring for plugin in plugins):
        return ()
    from airflow_lite.plugins.discovery.owners import in_conflict
    from airflow_lite.plugins.discovery.targets import functions_of
    from airflow_lite.plugins.probing.quarantine import checked

    hooks: list[AuthoringHook] = []
    for plugin in in_conflict(plugins):
        if not plugin.authoring or not plugin.is_ready:
            continue
        try:
            verdicts = checked(plugin, functions_of(plugin), config)
        except PluginError as error:
            if config.getboolean("plugins", "strict"):
                raise
            _log_once(logging.ERROR, str(error))
            continue
        for warning in (text for verdict in verdicts for text in verdict.warnings if warns):
            _log_once(logging.WARNING, f"Plugin {plugin.title}: {warning}")
        hooks += [AuthoringHook(entry.value, plugin.title) for entry in plugin.authoring]
    return tuple(hooks)


def import_written_for_airflow(path: str, config: Config) -> Any:
    """Import what an operator may have written for Airflow, whose names a plugin may offer.

    Raises as `imports.import_string` does, and `AirflowDagException` if such a plugin fails.
    """
    call_hooks(authoring_hooks(config))
    return import_string(path)


@cache
def _log_once(level: int, line: str) -> None:
    logger.log(level, "%s", line)

"""Which distributions are in use: those that go with the configured executor, and toolboxes.

With an executor go its own distribution, those that this requires, and for one that is given by
module path those whose executors its class extends, or is made of as a hybrid is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS
from airflow_lite.plugins.discovery.model import CORE, Plugin
from airflow_lite.plugins.discovery.owners import in_conflict, is_meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.config import Config
    from airflow_lite.plugins.discovery.model import Entry
    from airflow_lite.plugins.probing.verdict import Verdict


def class_only(config: Config) -> list[Plugin]:
    """Return the plugins without a module: their groups come from their executors' classes."""
    plugins = [plugin for plugin in installed_plugins(config) if plugin.is_ready]
    return [plugin for plugin in plugins if not plugin.is_core and not plugin.groups]


def class_alone(config: Config) -> Plugin | None:
    """Return what holds the configured executor, if the class alone tells of its commands.

    That is a plugin without a module, or the module of an executor that is given by its path.
    """
    name = configured(config)
    for plugin in installed_plugins(config):
        if any(is_meant(entry, name) for entry in plugin.executors):
            return plugin if plugin.is_ready and not plugin.groups and not plugin.is_core else None
    return _by_path(name)


def plugins_in_use(config: Config, *, probing: bool = True) -> list[Plugin]:
    """Return the plugins in use that have groups of commands.

    These are those that go with the configured executor, and those without executors. Without
    `probing` a class that was never looked at counts as one that extends nothing.
    """
    usable = _usable(config)
    names = _distributions(configured(config), usable, config, probing=probing)
    return [
        plugin
        for plugin in usable
        if plugin.groups and (plugin.distribution in names or not plugin.executors)
    ]


def plugins_of(executor: str, config: Config) -> list[Plugin]:
    """Return the plugins with groups of commands that go with an executor."""
    usable = _usable(config)
    names = _distributions(executor, usable, config)
    return [plugin for plugin in usable if plugin.groups and plugin.distribution in names]


def configured(config: Config) -> str:
    """Return what `[core] executor` says, right or wrong."""
    return config.get("core", "executor").strip()


def _usable(config: Config) -> list[Plugin]:
    return [plugin for plugin in in_conflict(installed_plugins(config)) if plugin.is_ready]


def _distributions(
    executor: str, usable: Sequence[Plugin], config: Config, *, probing: bool = True
) -> set[str]:
    """Return the names of the distributions that go with an executor, over all requirements."""
    known = {plugin.distribution: plugin for plugin in usable}
    waiting = [
        plugin for plugin in usable if any(is_meant(entry, executor) for entry in plugin.executors)
    ]
    if not waiting:
        bases = _bases(executor, config, probing=probing)
        waiting = [plugin for plugin in usable if _is_extended(plugin, bases)]
    names: set[str] = set()
    while waiting:
        plugin = waiting.pop()
        if plugin.distribution not in names:
            names.add(plugin.distribution)
            waiting += [known[required] for required in plugin.requires if required in known]
    return names - {CORE}


def _bases(executor: str, config: Config, *, probing: bool) -> list[str]:
    """Return the classes that the one at a module path extends, or is made of."""
    plugin = _by_path(executor)
    if plugin is None:
        return []
    return [base for one in first_verdicts(plugin, config, probing=probing) for base in one.bases]


def _is_extended(plugin: Plugin, bases: Sequence[str]) -> bool:
    return any(_is_class(entry, base) for entry in plugin.executors for base in bases)


def _is_class(entry: Entry, base: str) -> bool:
    """Whether an entry point leads to this class, which a package may offer above its module."""
    (package, _, name), (module, _, own) = entry.value.partition(":"), base.partition(":")
    return name == own and package.partition(".")[0] == module.partition(".")[0]


def _by_path(name: str) -> Plugin | None:
    from airflow_lite.plugins.discovery.locate import Located, unnamed_plugin

    if name in CORE_EXECUTORS or "." not in name:
        return None
    return unnamed_plugin(Located(name, name))


def first_verdicts(plugin: Plugin, config: Config, *, probing: bool = True) -> list[Verdict]:
    """Return the verdicts on a plugin, good or bad; it is probed only if it never was."""
    from airflow_lite.plugins.discovery.targets import targets_of
    from airflow_lite.plugins.probing.quarantine import known_verdicts, verdicts

    kept = known_verdicts(plugin, config)
    return verdicts(plugin, targets_of(plugin), config) if probing and not kept else kept

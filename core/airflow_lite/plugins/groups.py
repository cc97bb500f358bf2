"""The groups of commands that plugins offer, and the import of the one that is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import UsageError, UserError
from airflow_lite.plugins.discovery.index import plugins_allowed
from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS, package_of_group
from airflow_lite.plugins.discovery.model import Plugin, PluginError
from airflow_lite.plugins.discovery.owners import groups_named, sole_owner
from airflow_lite.plugins.in_use import class_alone, first_verdicts, plugins_in_use

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_lite.api.commands.spec import GroupCommand
    from airflow_lite.config import Config


class UnknownGroupError(UsageError):
    """There is no such command. See `airflow-lite --help`."""


def command_groups(
    config: Config, core_names: Collection[str] = (), *, probing: bool = False
) -> list[tuple[str, str]]:
    """Return name and help of the groups on offer; nothing is imported in this process.

    Left out are names that two plugins claim, and `core_names`, which no plugin can take. Those
    of an executor whose class alone knows them are as its probe saw them; with `probing` it is
    probed if it never was.
    """
    known = {
        entry.name: plugin.summary
        for plugin in plugins_in_use(config, probing=probing)
        for entry in plugin.groups
    }
    plugin = class_alone(config)
    verdicts = [] if plugin is None else first_verdicts(plugin, config, probing=probing)
    for name, text, *_ in (outline for verdict in verdicts for outline in verdict.outlines):
        known.setdefault(name, text)
    return sorted((name, text) for name, text in known.items() if name not in core_names)


def load_group(name: str, config: Config) -> GroupCommand:
    """Import the plugin that owns the group `name`, that one alone, and return its commands.

    Raises `UserError` with one line: what enables it, which package brings it, who else claims
    it, or why it cannot be loaded; `UnknownGroupError` for an unknown name.
    """
    from airflow_lite.plugins.probing.quarantine import insist

    insist(config)
    owners = groups_named(config, name)
    if owners:
        owned = sole_owner(owners, f"group of commands {name!r}")
        if owned.plugin.distribution not in {
            plugin.distribution for plugin in plugins_in_use(config)
        }:
            raise UserError(_not_configured(name, owned.plugin, config))
        return _from_module(name, owned.plugin, config)
    group = _from_class(name, config)
    if group is None:
        raise _unknown_group(name, config)
    return group


def _not_configured(name: str, plugin: Plugin, config: Config) -> str:
    from airflow_lite.plugins.discovery.locate import chosen_by, locate

    executor, chosen = plugin.executors[0].name, config.get("core", "executor")
    locate(chosen, config)  # one that there is not is the mistake
    return (
        f"The commands of {name!r} come with {executor}, and {chosen_by(config)} is "
        f"{chosen!r}. Run `airflow-lite --executor {executor} {name} …`, "
        f"or set [core] executor = {executor}."
    )


def _unknown_group(name: str, config: Config) -> UserError:
    package = package_of_group(name)
    if package is None:
        return UnknownGroupError(f"There is no command {name!r}. See `airflow-lite --help`.")
    if not plugins_allowed(config):
        return UsageError(
            f"There is no command {name!r} in the core. Leave --no-plugins out, or see "
            "`airflow-lite --help`."
        )
    return UsageError(
        f"The commands of {name!r} are not installed. Install them with `pip install {package}`."
    )


def _from_module(name: str, plugin: Plugin, config: Config) -> GroupCommand:
    from airflow_lite.plugins.loading import (
        add_options,
        add_options_of_executor,
        register_plugin,
    )
    from airflow_lite.plugins.registry import Registry

    registry = Registry()
    add_options(plugin, config, register_plugin(registry, plugin, config))
    add_options_of_executor(config, besides=plugin)
    groups = [group for answer in registry.call("get_cli_commands") for group in answer.value]
    if registry.failures:
        raise PluginError(
            f"Plugin {plugin.title} failed to give its commands; the log says why. Remove it with "
            f"`pip uninstall {plugin.distribution}`, or tell its author."
        )
    group = _group_named(name, groups)
    if group is None:
        raise PluginError(
            f"Plugin {plugin.title} declares the group {name!r}, but gives "
            f"{[group.name for group in groups]}. Tell its author."
        )
    return group


def _from_class(name: str, config: Config) -> GroupCommand | None:
    """Ask the configured executor's class, if it is one that no plugin module speaks for."""
    from airflow_lite.plugins.discovery.locate import locate
    from airflow_lite.plugins.executors import import_executor
    from airflow_lite.plugins.loading import add_options_of_executor
    from airflow_lite.plugins.probing.quarantine import checked_executor

    executor = config.get("core", "executor").strip()
    if executor in CORE_EXECUTORS or not executor:
        return None
    try:
        located = locate(executor, config)
    except UserError:
        return None  # the user asked for a command, not about this setting
    if located.plugin is not None and located.plugin.groups:
        return None
    try:
        checked_executor(located, config)
        groups = import_executor(located, config).get_cli_commands()
    except Exception as error:  # the class is an author's code
        raise UserError(
            f"There is no command {name!r} in the core, and the commands of executor {executor!r} "
            f"cannot be loaded: {error}"
        ) from error
    group = _group_named(name, groups)
    if group is not None:
        add_options_of_executor(config)
    return group


def _group_named(name: str, groups: Sequence[GroupCommand]) -> GroupCommand | None:
    return next((group for group in groups if group.name == name), None)

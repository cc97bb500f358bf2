"""From a name that a user wrote to the one distribution that owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.plugins.index import installed_plugins, read_again
from airflow_lite.plugins.model import Entry, Plugin, PluginError, PluginState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_lite.config import Config

    #: Who claims a name: of a group of commands (True), or of an executor.
    _Owners = dict[tuple[bool, str], list[Plugin]]


class Owned(NamedTuple):
    """An entry point and the distribution that it is of."""

    plugin: Plugin
    entry: Entry


def executors_named(config: Config, name_or_path: str) -> list[Owned]:
    """Return who has an executor of this name or module path, whatever their state."""
    return _current(
        Owned(plugin, entry)
        for plugin in installed_plugins(config)
        for entry in plugin.executors
        if is_meant(entry, name_or_path)
    )


def _current(owners: Iterable[Owned]) -> list[Owned]:
    """Return the owners but for stale ones, unless there are no others."""
    found = list(owners)
    current = [owned for owned in found if owned.plugin.state is not PluginState.STALE]
    return current or found


def is_meant(executor: Entry, name_or_path: str) -> bool:
    """Return whether `[core] executor` names this entry, or the path of its class."""
    return name_or_path in {executor.name, executor.value, executor.value.replace(":", ".", 1)}


def groups_named(config: Config, name: str) -> list[Owned]:
    """Return who has a group of commands of this name, whatever their state."""
    return _current(
        Owned(plugin, entry)
        for plugin in installed_plugins(config)
        for entry in plugin.groups
        if entry.name == name
    )


def the_one(owners: list[Owned], what: str) -> Owned:
    """Return the only owner that is ready; raise `PluginError` for a clash, or with its state.

    `what` names what is asked for, such as "executor 'DaskExecutor'".
    """
    ready = [owned for owned in owners if owned.plugin.is_ready]
    if len(ready) > 1:
        titles = " and ".join(owned.plugin.title for owned in ready)
        raise PluginError(
            f"The {what} comes from {titles}. Uninstall one, or name it in [plugins] disabled."
        )
    if not ready:
        plugin = owners[0].plugin
        raise PluginError(
            f"The {what} comes from {plugin.title}, which cannot be used ({plugin.state}): "
            f"{plugin.reason}. {plugin.remedy}"
        )
    return checked_again(ready[0], what)


def checked_again(owned: Owned, what: str) -> Owned:
    """Return the same as the distribution's metadata say now: an index may be old."""
    now = read_again(owned.plugin)
    entries = () if now is None else (*now.executors, *now.groups)
    found = next((entry for entry in entries if entry == owned.entry), None)
    if now is None or found is None or not now.is_ready:
        raise PluginError(
            f"The {what} is no longer as {owned.plugin.title} declared it. Run the command again."
        )
    return Owned(now, found)


def in_conflict(plugins: list[Plugin], core_names: Collection[str] = ()) -> list[Plugin]:
    """Return the plugins with those that claim a taken name in state CONFLICT.

    `core_names` are the core's own commands.
    """
    owners = _owners(plugins)
    return [_judged(plugin, owners, core_names) for plugin in plugins]


def _owners(plugins: list[Plugin]) -> _Owners:
    owners: _Owners = {}
    for plugin in plugins:
        for claim in _claims(plugin) if plugin.is_ready else ():
            owners.setdefault(claim, []).append(plugin)
    return owners


def _claims(plugin: Plugin) -> list[tuple[bool, str]]:
    """Return the names that a distribution takes; executors and groups share none."""
    groups = [(True, entry.name) for entry in plugin.groups]
    return [*((False, entry.name) for entry in plugin.executors), *groups]


def _judged(plugin: Plugin, owners: _Owners, core_names: Collection[str]) -> Plugin:
    for claim in () if plugin.is_core else _claims(plugin):
        is_group, name = claim
        others = [other for other in owners.get(claim, ()) if other is not plugin]
        if any(other.is_core for other in others) or (is_group and name in core_names):
            return plugin.in_state(
                PluginState.CONFLICT,
                f"{name!r} is a name of the core",
                f"Tell its author, or remove it with `pip uninstall {plugin.distribution}`.",
            )
        if others:
            return plugin.in_state(
                PluginState.CONFLICT,
                f"{name!r} comes from {others[0].title}, too",
                "Uninstall one, or name it in [plugins] disabled.",
            )
    return plugin

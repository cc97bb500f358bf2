"""From a name that a user wrote to the distribution that owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.plugins.discovery.index import installed_plugins, read_again
from airflow_lite.plugins.discovery.model import Entry, Plugin, PluginError, PluginState
from airflow_lite.plugins.discovery.targets import EXECUTOR, FUNCTION, TIMETABLE

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_lite.config import Config

    #: The plugins that claim a name: of an executor, a group, a function or a timetable.
    _Owners = dict[tuple[str, str], list[Plugin]]


_GROUP = "group"
_CONFLICT_REMEDY = "Uninstall one, or name it in [plugins] disabled."


class OwnedEntry(NamedTuple):
    """An entry point and the distribution that it is of."""

    plugin: Plugin
    entry: Entry


def is_meant(executor: Entry, name_or_path: str) -> bool:
    """Return whether `[core] executor` names this entry, or the path of its class."""
    return name_or_path in {executor.name, executor.value, executor.value.replace(":", ".", 1)}


def executors_named(config: Config, name_or_path: str) -> list[OwnedEntry]:
    """Return the entries of executors with this name or module path, whatever their state."""
    plugins = installed_plugins(config)
    owners = [OwnedEntry(plugin, entry) for plugin in plugins for entry in plugin.executors]
    return _current([owned for owned in owners if is_meant(owned.entry, name_or_path)])


def groups_named(config: Config, name: str) -> list[OwnedEntry]:
    """Return the entries of groups of commands with this name, whatever their state."""
    plugins = installed_plugins(config)
    owners = [OwnedEntry(plugin, entry) for plugin in plugins for entry in plugin.groups]
    return _current([owned for owned in owners if owned.entry.name == name])


def timetables_named(config: Config, name: str) -> list[OwnedEntry]:
    """Return the entries of timetables with this name, whatever their state."""
    plugins = installed_plugins(config)
    owners = [OwnedEntry(plugin, entry) for plugin in plugins for entry in plugin.timetables]
    return _current([owned for owned in owners if owned.entry.name == name])


def _current(owners: list[OwnedEntry]) -> list[OwnedEntry]:
    """Return the owners but for stale ones, unless there are no others."""
    return [owned for owned in owners if owned.plugin.state is not PluginState.STALE] or owners


def sole_owner(owners: list[OwnedEntry], subject: str) -> OwnedEntry:
    """Return the only owner that is ready; raise `PluginError` for a clash, or with its state.

    `subject` is what the message names, such as "executor 'DaskExecutor'".
    """
    ready = [owned for owned in owners if owned.plugin.is_ready]
    if len({owned.plugin.location for owned in ready}) > 1:
        titles = " and ".join(dict.fromkeys(owned.plugin.title for owned in ready))
        raise PluginError(f"The {subject} comes from {titles}. {_CONFLICT_REMEDY}")
    if not ready:
        plugin = owners[0].plugin
        raise PluginError(
            f"The {subject} comes from {plugin.title}, which cannot be used ({plugin.state}): "
            f"{plugin.reason}. {plugin.remedy}"
        )
    return _up_to_date(ready[0], subject)


def _up_to_date(owned: OwnedEntry, subject: str) -> OwnedEntry:
    """Return the entry as the distribution's metadata have it now: an index may be old."""
    now = read_again(owned.plugin)
    if now is None or owned.entry not in now.entries or not now.is_ready:
        raise PluginError(
            f"{owned.plugin.title} has changed, and its {subject} with it. Run the command again."
        )
    return OwnedEntry(now, owned.entry)


def in_conflict(plugins: list[Plugin], core_names: Collection[str] = ()) -> list[Plugin]:
    """Return the plugins with those that claim a taken name in state CONFLICT.

    `core_names` are the core's own commands.
    """
    owners: _Owners = {}
    for plugin in plugins:
        for claim in _claims(plugin) if plugin.is_ready else ():
            owners.setdefault(claim, []).append(plugin)
    return [_with_conflict(plugin, owners, core_names) for plugin in plugins]


def _claims(plugin: Plugin) -> list[tuple[str, str]]:
    """Return the names that a distribution takes, each with its kind: kinds share none."""
    kinds = {EXECUTOR: plugin.executors, _GROUP: plugin.groups, FUNCTION: plugin.authoring}
    kinds[TIMETABLE] = plugin.timetables
    return [(kind, entry.name) for kind, entries in kinds.items() for entry in entries]


def _with_conflict(plugin: Plugin, owners: _Owners, core_names: Collection[str]) -> Plugin:
    for claim in () if plugin.is_core else _claims(plugin):
        kind, name = claim
        others = [other for other in owners.get(claim, ()) if other is not plugin]
        if any(other.is_core for other in others) or (kind == _GROUP and name in core_names):
            reason = f"{name!r} is a name of the core"
            remedy = f"Tell its author, or {plugin.removal}"
            return plugin.in_state(PluginState.CONFLICT, reason, remedy)
        if others:
            reason = f"{name!r} comes from {others[0].title}, too"
            return plugin.in_state(PluginState.CONFLICT, reason, _CONFLICT_REMEDY)
    return plugin

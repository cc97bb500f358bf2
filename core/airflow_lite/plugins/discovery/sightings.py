"""Which of several distributions of one name counts: the one that Python imports."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airflow_lite.plugins.discovery.model import Plugin, PluginState


class Directory(NamedTuple):
    """What a directory of `sys.path` has: when it changed, our plugins, and all distributions.

    `folders` names the metadata of every distribution in it, by the distribution's name.
    """

    path: str
    stamp: Any
    plugins: Sequence[Plugin]
    folders: Mapping[str, str]


def sorted_out(directories: Sequence[Directory]) -> list[Plugin]:
    """Return the plugins in these directories, in their order: all but one of each name as stale.

    The one that counts is in the first directory, whether it has an entry point of ours or not;
    of several there, it is the one that was installed last. One that is seen twice is one.
    """
    names = {plugin.distribution for place in directories for plugin in place.plugins}
    plugins = [plugin for place in directories for plugin in place.plugins]
    ours = {plugin.location for plugin in plugins}
    sightings = [
        sighting
        for place in directories
        for sighting in [*place.plugins, *_without_entries(place, names, ours)]
    ]
    owners: dict[str, Plugin] = {}
    for plugin in sightings:
        owner = owners.setdefault(plugin.distribution, plugin)
        if owner is not plugin and _is_later(plugin, owner):
            owners[plugin.distribution] = plugin
    return [
        _as_stale(plugin, owners[plugin.distribution])
        for plugin in plugins
        if not _is_again(plugin, owners[plugin.distribution])
    ]


def _without_entries(place: Directory, names: set[str], ours: set[str]) -> list[Plugin]:
    """Return the distributions of a directory that share a plugin's name, and are none."""
    shared = {name: place.folders[name] for name in names if name in place.folders}
    return [
        Plugin(name, _version_in(folder), location=os.path.join(place.path, folder))
        for name, folder in shared.items()
        if os.path.join(place.path, folder) not in ours
    ]


def _version_in(folder: str) -> str:
    return os.path.splitext(folder)[0].partition("-")[2] or "the one"


def _is_again(plugin: Plugin, owner: Plugin) -> bool:
    """Whether it is the owner itself, seen by another path."""
    same = plugin is owner or plugin.location == owner.location
    return not same and os.path.realpath(plugin.location) == os.path.realpath(owner.location)


def _as_stale(plugin: Plugin, owner: Plugin) -> Plugin:
    if plugin is owner:
        return plugin
    return plugin.in_state(
        PluginState.STALE,
        f"{owner.version} in {owner.location} is used in place of this {plugin.version}",
        f"Remove {plugin.location}, or install {plugin.distribution} again.",
    )


def _is_later(plugin: Plugin, owner: Plugin) -> bool:
    if os.path.dirname(plugin.location) != os.path.dirname(owner.location):
        return False
    try:
        return os.stat(plugin.location).st_mtime_ns > os.stat(owner.location).st_mtime_ns
    except OSError:
        return False

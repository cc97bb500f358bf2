"""The index of plugins, kept in the home so that most commands need not look for them.

Reading it imports the standard library alone. It holds what each directory of `sys.path` has,
with its times, which installing and uninstalling change. Nothing is imported
because of it: whoever imports a plugin reads that distribution's metadata again.
Of several distributions of one name, the one that Python imports counts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_lite import __version__
from airflow_lite.config import Config
from airflow_lite.plugins.discovery import cache
from airflow_lite.plugins.discovery.model import Plugin, PluginState, normalised
from airflow_lite.plugins.discovery.search_path import search_key

#: Raised when what the index holds changes its form.
FORMAT = 5
FILE = "cache/plugins.json"
#: Directories that are kept, the newest: `python -m` adds each that it is called in.
_MOST_DIRECTORIES = 100
#: What the content of the index depends on: requirements may be those of one Python alone.
_MADE_BY = [__version__, sys.version]
NO_PLUGINS = "AIRFLOW_LITE_NO_PLUGINS"
DISABLE_PLUGINS = "AIRFLOW_LITE_DISABLE_PLUGINS"


class Directory(NamedTuple):
    """What a directory of `sys.path` has: when it changed, our plugins, and all distributions.

    `folders` names the metadata of every distribution in it, by the distribution's name.
    """

    path: str
    stamp: Any
    plugins: Sequence[Plugin]
    folders: Mapping[str, str]


def plugins_allowed(config: Config) -> bool:
    """Return whether plugins are looked at: not with `--no-plugins`."""
    return config.environ.get(NO_PLUGINS, "") in {"", "0"}


def installed_plugins(config: Config) -> list[Plugin]:
    """Return the installed distributions with entry points of ours, each with its state.

    Airflow-lite itself is among them. With `--no-plugins` it is alone.
    """
    plugins = _with_disabled(_all(config), disabled_distributions(config))
    return plugins if plugins_allowed(config) else [plugin for plugin in plugins if plugin.is_core]


def disabled_distributions(config: Config) -> frozenset[str]:
    """Return the normalised names in `[plugins] disabled` and AIRFLOW_LITE_DISABLE_PLUGINS."""
    names = config.getlist("plugins", "disabled")
    names += config.environ.get(DISABLE_PLUGINS, "").split(",")
    return frozenset(normalised(name.strip()) for name in names if name.strip())


def _with_disabled(plugins: list[Plugin], disabled: frozenset[str]) -> list[Plugin]:
    return [
        plugin._replace(
            state=PluginState.DISABLED,
            reason="named in [plugins] disabled or AIRFLOW_LITE_DISABLE_PLUGINS",
            remedy="Take its name out of there.",
        )
        if plugin.distribution in disabled and not plugin.is_core
        else plugin
        for plugin in plugins
    ]


def read_again(plugin: Plugin) -> Plugin | None:
    """Return what the distribution's metadata say now; None if it is gone."""
    from pathlib import Path

    from airflow_lite.plugins.discovery.metadata import read_plugin

    return read_plugin(Path(plugin.location), __version__)


def _all(config: Config) -> list[Plugin]:
    key, known = search_key(), _read(config)
    changed = [row for row in key if row[0] not in known or known[row[0]].stamp != row[1]]
    if changed:
        from airflow_lite.plugins.discovery.metadata import discover, distributions_in

        for path, stamp in changed:
            known.pop(path, None)  # the newest stand last
            plugins = discover([path], __version__)
            known[path] = Directory(path, stamp, plugins, distributions_in(path))
        _write(config, known.values())
    return _sorted_out([known[path] for path, _ in key])


def _read(config: Config) -> dict[str, Directory]:
    kept = cache.read(config, FILE, FORMAT)
    try:
        rows = kept["directories"] if kept["made_by"] == _MADE_BY else []
        return {
            path: Directory(
                path, stamp, [Plugin.from_json(fields) for fields in plugins], {**folders}
            )
            for path, stamp, plugins, folders in rows
        }
    except (KeyError, TypeError, ValueError):
        return {}


def _write(config: Config, directories: Iterable[Directory]) -> None:
    rows = [
        [path, stamp, [plugin.to_json() for plugin in plugins], folders]
        for path, stamp, plugins, folders in directories
    ]
    fields = {"made_by": _MADE_BY, "directories": rows[-_MOST_DIRECTORIES:]}
    cache.write(config, FILE, FORMAT, fields)


def _sorted_out(directories: Sequence[Directory]) -> list[Plugin]:
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

"""The index of plugins, kept in the home so that most commands need not look for them.

Reading it imports the standard library alone. It holds what each directory of `sys.path` has,
with its modification time, which installing and uninstalling change. Nothing is imported on its
word: whoever imports a plugin reads that distribution's metadata again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from airflow_lite import __version__
from airflow_lite.config import Config
from airflow_lite.plugins import cache
from airflow_lite.plugins.model import Plugin, PluginState, normalised
from airflow_lite.plugins.search import search_key

#: Raised when what the index holds changes its form.
FORMAT = 2
FILE = "cache/plugins.json"
#: Directories that are kept, the newest: `python -m` adds each that it is called in.
_MOST_DIRECTORIES = 100
NO_PLUGINS = "AIRFLOW_LITE_NO_PLUGINS"
DISABLE_PLUGINS = "AIRFLOW_LITE_DISABLE_PLUGINS"


def plugins_allowed(config: Config) -> bool:
    """Return whether plugins are looked at: not with `--no-plugins`."""
    return config.environ.get(NO_PLUGINS, "") in {"", "0"}


def installed_plugins(config: Config) -> list[Plugin]:
    """Return the installed distributions with entry points of ours, each with its state.

    Airflow-lite itself is among them. With `--no-plugins` it is alone.
    """
    found = _with_disabled(_all(config), disabled_distributions(config))
    return found if plugins_allowed(config) else [plugin for plugin in found if plugin.is_core]


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

    from airflow_lite.plugins.discovery import read_plugin

    return read_plugin(Path(plugin.location), __version__)


def _all(config: Config) -> list[Plugin]:
    key, known = search_key(), _read(config)
    changed = [place for place in key if known.get(place[0], (None,))[0] != place[1]]
    if changed:
        from airflow_lite.plugins.discovery import discover

        for directory, time_ns in changed:
            known.pop(directory, None)  # the newest stand last
            known[directory] = time_ns, discover([directory], __version__)
        _write(config, known)
    return mark_stale([plugin for directory, _ in key for plugin in known[directory][1]])


def _read(config: Config) -> dict[str, tuple[int, list[Plugin]]]:
    kept = cache.read(config, FILE, FORMAT)
    try:
        rows = kept["directories"] if kept["core"] == __version__ else []
        return {
            name: (time, [Plugin.from_json(one) for one in found]) for name, time, found in rows
        }
    except (KeyError, TypeError, ValueError):
        return {}


def _write(config: Config, known: dict[str, tuple[int, list[Plugin]]]) -> None:
    rows = [
        [name, time_ns, [plugin.to_json() for plugin in found]]
        for name, (time_ns, found) in known.items()
    ]
    fields = {"core": __version__, "directories": rows[-_MOST_DIRECTORIES:]}
    cache.write(config, FILE, FORMAT, fields)


def mark_stale(plugins: Sequence[Plugin]) -> list[Plugin]:
    """Return the plugins with all but one of each name as stale.

    The one that counts is in the first directory, where Python imports it from; of several there,
    it is the one that was installed last.
    """
    owners: dict[str, Plugin] = {}
    for plugin in plugins:
        owner = owners.setdefault(plugin.distribution, plugin)
        if owner is not plugin and _is_later(plugin, owner):
            owners[plugin.distribution] = plugin
    return [_behind(plugin, owners[plugin.distribution]) for plugin in plugins]


def _behind(plugin: Plugin, owner: Plugin) -> Plugin:
    if plugin is owner:
        return plugin
    return plugin.in_state(
        PluginState.STALE,
        f"{owner.version} in {owner.location} comes before this {plugin.version}",
        f"Remove {plugin.location}, or install {plugin.distribution} again.",
    )


def _is_later(plugin: Plugin, owner: Plugin) -> bool:
    if os.path.dirname(plugin.location) != os.path.dirname(owner.location):
        return False
    try:
        return os.stat(plugin.location).st_mtime_ns > os.stat(owner.location).st_mtime_ns
    except OSError:
        return False

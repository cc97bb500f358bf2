"""The index of plugins, kept in the home so that most commands need not look for them.

Reading it imports the standard library alone. It holds what each directory of `sys.path` has,
with its times, which installing and uninstalling change. Nothing is imported
because of it: whoever imports a plugin reads that distribution's metadata again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from airflow_lite import __version__
from airflow_lite.config import Config
from airflow_lite.plugins.discovery import cache
from airflow_lite.plugins.discovery.model import Plugin, PluginState, normalised
from airflow_lite.plugins.discovery.search_path import search_key
from airflow_lite.plugins.discovery.sightings import Directory, sorted_out

#: Raised when what the index holds changes its form.
FORMAT = 3
FILE = "cache/plugins.json"
#: Directories that are kept, the newest: `python -m` adds each that it is called in.
_MOST_DIRECTORIES = 100
#: What the content of the index depends on: requirements may be those of one Python alone.
_MADE_BY = [__version__, sys.version]
NO_PLUGINS = "AIRFLOW_LITE_NO_PLUGINS"
DISABLE_PLUGINS = "AIRFLOW_LITE_DISABLE_PLUGINS"


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
    return sorted_out([known[path] for path, _ in key])


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

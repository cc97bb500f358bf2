"""The index of plugins, kept in the home so that most commands need not look for them.

Reading it imports the standard library alone. It is keyed by the modification time of every
directory of `sys.path`, which installing and uninstalling change; each `sys.path` has a file of
its own, since that of `airflow-lite` and that of `python -m airflow_lite` differ. Nothing is
imported on its word: whoever imports a plugin reads that distribution's metadata again.
"""

from __future__ import annotations

import os
from binascii import crc32
from contextlib import suppress
from typing import Any

from airflow_lite import __version__
from airflow_lite.config import Config
from airflow_lite.plugins import cache
from airflow_lite.plugins.model import Plugin, PluginState, normalised
from airflow_lite.plugins.search import search_key

#: Raised when what the index holds changes its form.
FORMAT = 1
FILES = "cache/plugins-*.json"
#: Files that are kept, the newest: `python -m` makes one for each folder that it is called in.
_MOST_FILES = 16
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
    key = search_key()
    name = _file_name(key)
    kept = cache.read(config, name, FORMAT)
    if [kept.get("core"), kept.get("key")] == [__version__, key]:
        with suppress(KeyError, TypeError, ValueError):
            return [Plugin.from_json(fields) for fields in kept["plugins"]]
    from airflow_lite.plugins.discovery import discover

    found = discover([directory for directory, _ in key], __version__)
    plugins = [plugin.to_json() for plugin in found]
    cache.write(config, name, FORMAT, {"core": __version__, "key": key, "plugins": plugins})
    _drop_old_files(config)
    return found


def _file_name(key: list[list[Any]]) -> str:
    """Return the file in the home for these directories, whatever their times."""
    directories = "\0".join(directory for directory, _ in key)
    return FILES.replace("*", f"{crc32(os.fsencode(directories)):08x}")


def _drop_old_files(config: Config) -> None:
    with suppress(OSError):
        files = sorted(config.home.glob(FILES), key=lambda one: one.stat().st_mtime_ns)
        for old in files[:-_MOST_FILES]:
            old.unlink(missing_ok=True)

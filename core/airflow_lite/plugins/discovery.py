"""Finding plugins: one distribution's metadata at a time, nothing of it imported.

A broken file, a missing name or a FIFO harms no other distribution.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.plugins.model import CORE, Entry, Plugin, PluginState, normalised
from airflow_lite.plugins.packages import EXECUTORS_GROUP, PLUGINS_GROUP
from airflow_lite.plugins.requirements import required_names, unmet_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from importlib_metadata import Distribution

ENTRY_POINTS = "entry_points.txt"
#: No honest file of metadata that is read here is larger.
_LARGEST_FILE = 4 * 1024 * 1024
_MARK = b"airflow_lite."
_INSTALL_AGAIN = "Install it again, or remove it with `pip uninstall {0}`."


def discover(directories: Sequence[str], core_version: str) -> list[Plugin]:
    """Return every distribution with an entry point of ours, in the order of `directories`."""
    found = [
        read_plugin(location, core_version)
        for directory in directories
        for location in _marked(directory)
    ]
    return mark_stale(plugin for plugin in found if plugin is not None)


def _marked(directory: str) -> Iterator[Path]:
    """Yield the metadata directories in which one of our groups is written."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            location = Path(directory, name)
            if _MARK in _bytes(location / ENTRY_POINTS):
                yield location


def _bytes(file: Path) -> bytes:
    """Return what a regular file of sensible size holds, else nothing: a FIFO would block."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_FILE:
            return b""
        return file.read_bytes()
    except OSError:
        return b""


def read_plugin(location: Path, core_version: str) -> Plugin | None:
    """Read one distribution's metadata; None if it has no entry point in our groups."""
    from importlib_metadata import Distribution

    name, _, version = location.stem.partition("-")
    try:
        if not _bytes(location / ENTRY_POINTS):
            return None
        return _read(Distribution.at(location), location, core_version)
    except Exception as error:
        broken = Plugin(normalised(name), version, location=str(location))
        reason = f"{location.name}: {type(error).__name__}: {error}"
        return broken.in_state(
            PluginState.BROKEN, " ".join(reason.split()), _INSTALL_AGAIN.format(name)
        )


def _read(distribution: Distribution, location: Path, core_version: str) -> Plugin | None:
    if not any(_bytes(location / file) for file in ("METADATA", "PKG-INFO")):
        raise ValueError("its METADATA cannot be read")
    metadata = distribution.metadata
    name, requires = metadata["Name"], list(distribution.requires or ())
    if not name:
        raise ValueError("its METADATA has no Name")
    entries = distribution.entry_points
    plugin = Plugin(
        distribution=normalised(name),
        version=metadata["Version"] or "",
        summary=metadata["Summary"] or "",
        executors=_entries(entries.select(group=EXECUTORS_GROUP)),
        groups=_entries(entries.select(group=PLUGINS_GROUP)),
        requires=required_names(requires),
        location=str(location),
    )
    if not plugin.executors and not plugin.groups:
        return None
    return _judged(plugin, unmet_range(requires, CORE, core_version), core_version)


def _entries(points: Iterable[object]) -> tuple[Entry, ...]:
    return tuple(Entry(point.name, point.value) for point in points)  # type: ignore[attr-defined]


def _judged(plugin: Plugin, unmet: str | None, core_version: str) -> Plugin:
    if unmet:
        return plugin.in_state(
            PluginState.NEEDS_ANOTHER_CORE,
            f"needs airflow-lite{unmet}, this is {core_version}",
            f"Install another version of {plugin.distribution} or of airflow-lite.",
        )
    wrong = next((entry for entry in plugin.groups if ":" in entry.value), None)
    if wrong is not None:
        return plugin.in_state(
            PluginState.WRONG_TYPE,
            f"entry point {wrong.name!r} of {PLUGINS_GROUP} is {wrong.value!r}, not a module",
            "Tell its author: the value is the path of a module.",
        )
    return plugin


def mark_stale(plugins: Iterable[Plugin]) -> list[Plugin]:
    """Return the plugins with all but the first of each name, which Python imports, as stale."""
    first: dict[str, Plugin] = {}
    marked = []
    for plugin in plugins:
        owner = first.setdefault(plugin.distribution, plugin)
        if owner is not plugin:
            plugin = plugin.in_state(  # noqa: PLW2901
                PluginState.STALE,
                f"{owner.version} in {owner.location} comes before this {plugin.version}",
                f"Remove {plugin.location}.",
            )
        marked.append(plugin)
    return marked

"""Finding plugins: one distribution's metadata at a time, nothing of it imported.

A broken file, a missing name or a FIFO harms no other distribution.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.plugins.model import CORE, Entry, Plugin, PluginState, normalised
from airflow_lite.plugins.packages import EXECUTORS_GROUP, PLUGINS_GROUP
from airflow_lite.plugins.requirements import required_names, unmet_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from importlib_metadata import Distribution, EntryPoint

ENTRY_POINTS = "entry_points.txt"
#: No honest file of metadata that is read here is larger.
_LARGEST_FILE = 4 * 1024 * 1024
_MARK = b"airflow_lite."
_GROUP = re.compile(r"airflow_lite\.(executors|plugins)\.v\d+")
#: What users type to name an executor or a group of commands.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
#: What pip takes as the name of a distribution: it is shown in commands that users copy.
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_LONGEST_TEXT = 200


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
            content = _bytes(location / ENTRY_POINTS)
            if content is None or b"\0" in content or _MARK in content:
                yield location


def _bytes(file: Path) -> bytes | None:
    """Return what a file holds, nothing if it is not there; None if it cannot be read.

    That is so for what is no regular file, as a FIFO would block, or of no sensible size.
    """
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_FILE:
            return None
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError:
        return None


def read_plugin(location: Path, core_version: str) -> Plugin | None:
    """Read one distribution's metadata; None if it has no entry point in our groups."""
    from importlib_metadata import Distribution

    name, _, version = location.stem.partition("-")
    try:
        if not _has_entry_points(location / ENTRY_POINTS):
            return None
        return _read(Distribution.at(location), location, core_version)
    except Exception as error:
        broken = Plugin(normalised(_printable(name)), _printable(version), location=str(location))
        cause = f"{error}" if type(error) is ValueError else f"{type(error).__name__}: {error}"
        reason = " ".join(f"{location.name}: {cause}".split())
        remedy = f"Install it again, or remove {location}."
        if _DISTRIBUTION.fullmatch(broken.distribution):
            remedy = f"Install it again, or remove it with `pip uninstall {broken.distribution}`."
        return broken.in_state(PluginState.BROKEN, _printable(reason), remedy)


def _has_entry_points(file: Path) -> bool:
    content = _bytes(file)
    if content is None or b"\0" in content:
        raise ValueError(f"its {ENTRY_POINTS} is not text that can be read")
    return content != b""


def _printable(text: str) -> str:
    """Return text of a stranger's as it can be shown on one line of a terminal."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown[:_LONGEST_TEXT]


def _read(distribution: Distribution, location: Path, core_version: str) -> Plugin | None:
    if not any(_bytes(location / file) for file in ("METADATA", "PKG-INFO")):
        raise ValueError("its METADATA cannot be read")
    metadata = distribution.metadata
    name, requires = metadata.get("Name"), list(distribution.requires or ())
    if not name or not _DISTRIBUTION.fullmatch(name):
        raise ValueError(f"its METADATA has no Name that is one: {(name or '')[:60]!r}")
    ours = [point for point in distribution.entry_points if _GROUP.fullmatch(point.group or "")]
    if not ours:
        if _GROUP.search((_bytes(location / ENTRY_POINTS) or b"").decode()):
            raise ValueError(f"its {ENTRY_POINTS} names a group of ours, but cannot be parsed")
        return None
    spoken = [point for point in ours if point.group in {EXECUTORS_GROUP, PLUGINS_GROUP}]
    plugin = Plugin(
        distribution=normalised(_printable(name)),
        version=_printable(metadata.get("Version") or ""),
        summary=_printable(metadata.get("Summary") or ""),
        executors=_entries(spoken or ours, "executors"),
        groups=_entries(spoken or ours, "plugins"),
        requires=required_names(requires),
        location=str(location),
    )
    plugin = _with_names(plugin, ours)
    if not spoken:
        return _of_another_interface(plugin, ours[0].group)
    return _judged(plugin, unmet_range(requires, CORE, core_version), core_version)


def _entries(points: Iterable[EntryPoint], kind: str) -> tuple[Entry, ...]:
    return tuple(
        Entry(point.name, point.value)
        for point in points
        if point.group.split(".")[1] == kind and _NAME.fullmatch(point.name)
    )


def _with_names(plugin: Plugin, points: Iterable[EntryPoint]) -> Plugin:
    """Return the plugin as broken if a name is none that a user could write."""
    wrong = next((point.name for point in points if not _NAME.fullmatch(point.name)), None)
    if wrong is None:
        return plugin
    return plugin.in_state(
        PluginState.BROKEN,
        f"entry point {wrong[:60]!r} is no name: letters, digits, `_` and `-` make one",
        f"Tell its author, or remove it with `pip uninstall {plugin.distribution}`.",
    )


def _of_another_interface(plugin: Plugin, group: str) -> Plugin:
    return plugin.in_state(
        PluginState.NEEDS_ANOTHER_CORE,
        f"is made for {group}, this airflow-lite has {EXECUTORS_GROUP}",
        f"Install another version of {plugin.distribution} or of airflow-lite.",
    )


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
            "Tell its author that the value is the path of a module, or remove it with "
            f"`pip uninstall {plugin.distribution}`.",
        )
    return plugin


def mark_stale(plugins: Iterable[Plugin]) -> list[Plugin]:
    """Return the plugins with all but one of each name as stale.

    The one that counts is in the first directory, where Python imports it from; of several there,
    it is the one that was installed last.
    """
    plugins = list(plugins)
    owners: dict[str, Plugin] = {}
    for plugin in plugins:
        owner = owners.setdefault(plugin.distribution, plugin)
        if owner is not plugin and _is_later(plugin, owner):
            owners[plugin.distribution] = plugin
    marked = []
    for plugin in plugins:
        owner = owners[plugin.distribution]
        if owner is not plugin:
            plugin = plugin.in_state(  # noqa: PLW2901
                PluginState.STALE,
                f"{owner.version} in {owner.location} comes before this {plugin.version}",
                f"Remove {plugin.location}, or install {plugin.distribution} again.",
            )
        marked.append(plugin)
    return marked


def _is_later(plugin: Plugin, owner: Plugin) -> bool:
    if os.path.dirname(plugin.location) != os.path.dirname(owner.location):
        return False
    try:
        return os.stat(plugin.location).st_mtime_ns > os.stat(owner.location).st_mtime_ns
    except OSError:
        return False

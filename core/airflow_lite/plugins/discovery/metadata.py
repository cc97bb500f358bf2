"""Finding plugins: one distribution's metadata at a time, nothing of it imported.

A broken file, a missing name or a FIFO harms no other distribution.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from airflow_lite.authoring.secrets.named import GROUP as SECRETS_GROUP
from airflow_lite.plugins.discovery.known_packages import (
    AUTHORING_GROUP,
    EXECUTORS_GROUP,
    PLUGINS_GROUP,
    TIMETABLES_GROUP,
)
from airflow_lite.plugins.discovery.model import (
    CORE,
    Entry,
    Plugin,
    PluginState,
    normalised,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from importlib_metadata import EntryPoint

ENTRY_POINTS = "entry_points.txt"
#: No real file of metadata that is read here is larger.
_LARGEST_FILE = 4 * 1024 * 1024
_MARK = b"airflow_lite."
_GROUP = re.compile(r"airflow_lite\.(executors|plugins|authoring|timetables|secrets)\.v\d+")
_GROUPS = {EXECUTORS_GROUP, PLUGINS_GROUP, AUTHORING_GROUP, TIMETABLES_GROUP, SECRETS_GROUP}
#: What users type to name an executor or a group of commands.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
#: What pip takes as the name of a distribution: it is shown in commands that users copy.
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_LONGEST_TEXT = 200


def discover(directories: Sequence[str], core_version: str) -> list[Plugin]:
    """Return every distribution with an entry point of ours, in the order of `directories`."""
    plugins = [
        read_plugin(location, core_version)
        for directory in directories
        for location in _metadata_of(directory)
    ]
    return [plugin for plugin in plugins if plugin is not None]


def distributions_in(directory: str) -> dict[str, str]:
    """Return the folder of every distribution in a directory, ours or not, by its name."""
    return {_name_of(place): place.name for place in _metadata_of(directory)}


def _name_of(location: Path) -> str:
    return normalised(location.stem.partition("-")[0])


def _metadata_of(directory: str) -> list[Path]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [Path(directory, name) for name in names if name.endswith((".dist-info", ".egg-info"))]


def read_plugin(location: Path, core_version: str) -> Plugin | None:
    """Read one distribution's metadata; None if it has no entry point in our groups."""
    try:
        content = _content(location / ENTRY_POINTS)
        return _read(location, content, core_version) if _MARK in content else None
    except Exception as error:
        return _broken(location, error)


def _content(file: Path) -> bytes:
    """Return a file's content, nothing if it is not there; raise ValueError if it is not text.

    That is so for what is no regular file, as a FIFO would block, or of no sensible size.
    """
    try:
        status = file.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST_FILE:
            content = file.read_bytes()
            if b"\0" not in content:
                return content
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError:
        pass
    raise ValueError(f"its {file.name} cannot be read as text")


def _broken(location: Path, error: Exception) -> Plugin:
    name, _, version = location.stem.partition("-")
    plugin = Plugin(normalised(_printable(name)), _printable(version), location=str(location))
    cause = f"{error}" if type(error) is ValueError else f"{type(error).__name__}: {error}"
    reason = " ".join(f"{location.name}: {cause}".split())
    is_named = _DISTRIBUTION.fullmatch(plugin.distribution)
    remedy = f"Install it again, or {plugin.removal if is_named else f'remove {location}.'}"
    return plugin.in_state(PluginState.BROKEN, _printable(reason), remedy)


def _printable(text: str) -> str:
    """Return text from a distribution as it can be shown on one line of a terminal."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown[:_LONGEST_TEXT]


def _read(location: Path, entry_points: bytes, core_version: str) -> Plugin | None:
    from importlib_metadata import Distribution

    if not any(_content(location / file) for file in ("METADATA", "PKG-INFO")):
        raise ValueError("its METADATA cannot be read")
    distribution = Distribution.at(location)
    metadata = distribution.metadata
    name, requires = metadata.get("Name"), list(distribution.requires or ())
    if not name or not _DISTRIBUTION.fullmatch(name):
        raise ValueError(f"its METADATA has no valid Name: {(name or '')[:60]!r}")
    ours = [point for point in distribution.entry_points if _GROUP.fullmatch(point.group or "")]
    if not ours:
        if _GROUP.search(entry_points.decode()):
            raise ValueError(f"its {ENTRY_POINTS} names a group of ours, but cannot be parsed")
        return None
    usable = [point for point in ours if point.group in _GROUPS]
    plugin = Plugin(
        distribution=normalised(_printable(name)),
        version=_printable(metadata.get("Version") or ""),
        summary=_printable(metadata.get("Summary") or ""),
        executors=_entries(usable or ours, "executors"),
        groups=_entries(usable or ours, "plugins"),
        authoring=_entries(usable or ours, "authoring"),
        timetables=_entries(usable or ours, "timetables"),
        secrets=_entries(usable or ours, "secrets"),
        requires=required_names(requires),
        location=str(location),
    )
    defect = _defect(plugin, ours, unmet_range(requires, CORE, core_version), core_version)
    return plugin.in_state(*defect) if defect else plugin


def _entries(points: Iterable[EntryPoint], kind: str) -> tuple[Entry, ...]:
    return tuple(
        Entry(point.name, _value(point))
        for point in points
        if point.group.split(".")[1] == kind and _NAME.fullmatch(point.name)
    )


def _value(point: EntryPoint) -> str:
    """Return where an entry point leads, without the extras that may stand behind it."""
    match = point.pattern.match(point.value)
    if match is None:
        return point.value
    return ":".join(filter(None, (match["module"], match["attr"])))


def _defect(
    plugin: Plugin, points: Sequence[EntryPoint], unmet: str | None, core_version: str
) -> tuple[PluginState, str, str] | None:
    """Return the state, reason and remedy of a plugin that cannot be used."""
    remedy = f"Install another version of {plugin.distribution} or of airflow-lite."
    for point in points:
        if not _NAME.fullmatch(point.name):
            reason = f"entry point {point.name[:60]!r} has a bad name: use letters, digits, _ and -"
            return PluginState.BROKEN, reason, f"Tell its author, or {plugin.removal}"
    if not {point.group for point in points} & _GROUPS:
        reason = f"is made for {points[0].group}, but this airflow-lite has {EXECUTORS_GROUP}"
        return PluginState.NEEDS_ANOTHER_CORE, reason, remedy
    if unmet:
        reason = f"needs airflow-lite{unmet}, but this is {core_version}"
        return PluginState.NEEDS_ANOTHER_CORE, reason, remedy
    for entry in plugin.groups:
        if ":" in entry.value:
            reason = (
                f"entry point {entry.name!r} of {PLUGINS_GROUP} is {entry.value!r}, not a module"
            )
            remedy = f"Tell its author that the value is the path of a module, or {plugin.removal}"
            return PluginState.WRONG_TYPE, reason, remedy
    kinds = {"function": (AUTHORING_GROUP, plugin.authoring)}
    kinds["class"] = (TIMETABLES_GROUP, plugin.timetables)
    for kind, (group, entries) in kinds.items():
        for entry in entries:
            if ":" not in entry.value:
                reason = f"entry point {entry.name!r} of {group} is {entry.value!r}, no {kind}"
                remedy = f"Tell its author to write module:{kind}, or {plugin.removal}"
                return PluginState.WRONG_TYPE, reason, remedy
    return None


def required_names(lines: list[str]) -> tuple[str, ...]:
    """Return the normalised names that are required here and now, without an extra."""
    names = [canonicalize_name(requirement.name) for requirement in _requirements(lines)]
    return tuple(dict.fromkeys(names))


def unmet_range(lines: list[str], name: str, version: str) -> str | None:
    """Return the first range that `lines` ask of `name` and `version` is not in, or None."""
    for requirement in _requirements(lines):
        versions = requirement.specifier
        is_unmet = not versions.contains(version, prereleases=True)
        if is_unmet and canonicalize_name(requirement.name) == name:
            return str(versions)
    return None


def _requirements(lines: list[str]) -> Iterator[Requirement]:
    """Yield the requirements whose markers are true of this Python, no extra being asked for."""
    for line in lines:
        try:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                yield requirement
        except (InvalidRequirement, InvalidVersion, UndefinedComparison):  # pip refuses it, too
            continue

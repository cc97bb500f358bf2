"""A plugin is imported here only after a child process imported it well.

What a child found is kept in the home's cache, under a fingerprint of what it depends on: the
plugin's own files and metadata, the Python that runs, and what is installed beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from airflow_lite import __version__
from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.plugins.discovery import cache
from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.locate import BY_PATH, Located, unnamed_plugin
from airflow_lite.plugins.discovery.model import Plugin, PluginError, PluginState
from airflow_lite.plugins.discovery.owners import in_conflict
from airflow_lite.plugins.discovery.search_path import change_stamp, installed_key, spec_of
from airflow_lite.plugins.discovery.targets import Target, targets_of
from airflow_lite.plugins.probing.verdict import Verdict, complaints, reason, remedy

#: Raised when what is kept changes its form.
FORMAT = 3
FOLDER = "cache/probes"
#: No plugin has more files that matter; what lies beyond is not looked at.
_MOST_FILES = 500


def checked(plugin: Plugin, targets: Sequence[Target], config: Config) -> list[Verdict]:
    """Return the verdicts on these entry points; raise `PluginError` unless all are sound.

    With `[plugins] strict` a complaint is an error as well.
    """
    found = verdicts(plugin, targets, config)
    for verdict in found:
        if not verdict.is_sound:
            raise PluginError(
                f"Plugin {plugin.title} is quarantined: {reason(verdict)}. "
                f"{remedy(verdict, plugin)}"
            )
        worries = complaints(verdict, plugin)
        if worries and config.getboolean("plugins", "strict"):
            raise PluginError(
                f"Plugin {plugin.title}: {worries[0]}. Tell its author, or unset [plugins] strict."
            )
    return found


def checked_executor(located: Located, config: Config) -> list[Verdict]:
    """Return the verdicts on an executor and, if a plugin has it, what speaks for that.

    Raises as `checked` does; for one given by module path, on which nothing is probed if it is
    the core's or not there, `ConfigError` where importing it would end this process, or keep it
    too long. What else is wrong with that is told best by importing it here.
    """
    if located.plugin is not None:
        return checked(located.plugin, located.targets, config)
    plugin = unnamed_plugin(located)
    if plugin is None:
        return []
    (verdict,) = verdicts(plugin, located.targets, config)
    if verdict.is_fatal:
        place = f"{verdict.file}: " if verdict.file else ""
        slow = ", or raise [plugins] import_timeout_s" if verdict.is_timeout else ""
        raise ConfigError(
            f"Executor {located.title} cannot be loaded: {place}{verdict.error}. "
            f"Mend it{slow}, or name another executor."
        )
    return [verdict] if verdict.is_sound else []


def verdicts(
    plugin: Plugin, targets: Sequence[Target], config: Config, *, fresh: bool = False
) -> list[Verdict]:
    """Return the verdicts on these entry points, probing those that are not known to be sound.

    `fresh` probes them all. What failed may have lacked a variable, a program or a file, which no
    fingerprint sees: it is tried again whenever someone chooses the plugin or asks about it.
    """
    kept = [] if fresh else known_verdicts(plugin, config)
    known = {verdict.target: verdict for verdict in kept if verdict.is_sound}
    unknown = [target for target in targets if target not in known]
    if unknown:
        from airflow_lite.plugins.authoring import authoring_hooks
        from airflow_lite.plugins.probing.probe import probe

        before = _fingerprint(plugin)
        timeout_s = config.getfloat("plugins", "import_timeout_s")
        imports_airflow = plugin.distribution.startswith(BY_PATH) or plugin.timetables
        hooks = authoring_hooks(config) if imports_airflow and not plugin.authoring else ()
        found = probe(unknown, timeout_s=timeout_s, hooks=hooks)
        known |= {verdict.target: verdict for verdict in found}
        after = _fingerprint(plugin)
        # The import itself writes bytecode, which changes the folder; what changes a file does not.
        fields: dict[str, Any] = {"own": after if after[-1] == before[-1] else before}
        fields["path"] = installed_key()
        fields["verdicts"] = [verdict._asdict() for verdict in known.values()]
        cache.write(config, _file(plugin), FORMAT, fields)
    return [known[target] for target in targets]


def known_verdicts(plugin: Plugin, config: Config) -> list[Verdict]:
    """Return the verdicts that are kept and still hold, probing nothing.

    One that failed is listed for as long as nothing at all was installed, or it is tried again.
    """
    kept = cache.read(config, _file(plugin), FORMAT)
    if not kept or kept.get("own") != _fingerprint(plugin):
        return []
    try:
        found = [Verdict.from_json(fields) for fields in kept["verdicts"]]
    except (ValueError, KeyError, TypeError):
        return []
    is_unchanged = kept.get("path") == installed_key()
    return [verdict for verdict in found if verdict.is_sound or is_unchanged]


def kept_outlines(plugin: Plugin, config: Config) -> list[Any]:
    """Return the outlines of a plugin's groups as last seen, as JSON holds them.

    They may be old, which completion may be: nothing is imported on their word.
    """
    kept = cache.read(config, _file(plugin), FORMAT)
    try:
        return [one for fields in kept["verdicts"] for one in fields["outlines"]]
    except (KeyError, TypeError):
        return []


def known_plugins(config: Config, core_names: Collection[str] = ()) -> list[Plugin]:
    """Return the installed distributions, each in the state that is known without a probe.

    `core_names` are the core's own commands, which no plugin can take.
    """
    plugins = in_conflict(installed_plugins(config), core_names)
    return [_judged(plugin, known_verdicts(plugin, config)) for plugin in plugins]


def judged(plugin: Plugin, config: Config) -> tuple[Plugin, list[Verdict]]:
    """Return a plugin with its state, and the verdicts on all that it has, probed if need be."""
    if not plugin.is_ready or plugin.is_core:
        return plugin, []
    found = verdicts(plugin, targets_of(plugin), config)
    return _judged(plugin, found), found


def _judged(plugin: Plugin, found: Iterable[Verdict]) -> Plugin:
    bad = next((verdict for verdict in found if not verdict.is_sound), None)
    if bad is None or plugin.is_core:
        return plugin
    return plugin.in_state(PluginState.QUARANTINED, reason(bad), remedy(bad, plugin))


def insist(config: Config) -> None:
    """Raise `PluginError` if `[plugins] strict` and any installed plugin is out of order."""
    if not config.getboolean("plugins", "strict"):
        return
    for plugin in known_plugins(config):
        if plugin.is_wrong:
            raise PluginError(
                f"Plugin {plugin.title} cannot be used ({plugin.state}): {plugin.reason}. "
                f"{plugin.remedy} Or unset [plugins] strict."
            )


def _fingerprint(plugin: Plugin) -> list[Any]:
    location = Path(plugin.location)
    beside = [
        [directory, changed]
        for directory, changed in installed_key()
        if directory.endswith("-packages") or directory == str(location.parent)
    ]
    tops = {target.value.partition(":")[0].partition(".")[0] for target in targets_of(plugin)}
    files = [location / name for name in ("METADATA", "PKG-INFO", "entry_points.txt", "RECORD")]
    files += [file for top in sorted(tops) for file in _sources(top)]
    stats = [[str(file), *_stat(file)] for file in files]
    return [__version__, sys.version, sys.executable, beside, stats]


def _sources(top: str) -> Iterator[Path]:
    """Yield the files of a top-level module or package, which is not imported for it."""
    spec = spec_of(top)
    if spec is None:
        return
    if not spec.submodule_search_locations:
        yield Path(spec.origin or top)
    for place in spec.submodule_search_locations or ():
        yield from sorted(islice(Path(place).rglob("*.py"), _MOST_FILES))


def _stat(file: Path) -> list[int]:
    try:
        found = os.stat(file)
    except OSError:
        return []
    return [*change_stamp(found), found.st_size]


def _file(plugin: Plugin) -> str:
    return f"{FOLDER}/{plugin.distribution.replace(os.sep, '-')}.json"

"""Looking plugins over: each probed afresh in a child, and what an executor's own tell of it.

The words about a plugin are `verdict`'s.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from airflow_lite.config import Config, child_environment
from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.index import installed_plugins
from airflow_lite.plugins.discovery.locate import chosen_by, locate
from airflow_lite.plugins.discovery.model import Plugin, PluginState
from airflow_lite.plugins.discovery.targets import modules_of, targets_of
from airflow_lite.plugins.probing.probe import ask
from airflow_lite.plugins.probing.quarantine import verdicts
from airflow_lite.plugins.probing.verdict import Verdict, complaints, reason, remedy

#: Seconds that a health check may take, and what a plugin shows of its executor.
HEALTH_S = 10.0
#: Seconds beyond that, for a check that keeps its own time.
_MARGIN_S = 2.0
HEALTHY, UNHEALTHY, WARNING, UNKNOWN = "healthy", "unhealthy", "warning", "unknown"
_GOOD = {PluginState.READY.value, PluginState.DISABLED.value, HEALTHY}


class Finding(NamedTuple):
    """One thing that was found; `import_ms`, `modules` and `packages` are of a probe."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str = ""
    remedy: str = ""
    import_ms: float | None = None
    modules: int | None = None
    packages: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to do about it."""
        return self.state in _GOOD


def examine(plugins: Iterable[Plugin], config: Config) -> list[Finding]:
    """Probe plugins afresh, two at a time; return at least one finding on each."""
    with ThreadPoolExecutor(2, "doctor") as threads:
        found = threads.map(lambda plugin: _examined(plugin, config), plugins)
        return [finding for findings in found for finding in findings]


def _examined(plugin: Plugin, config: Config) -> list[Finding]:
    if not plugin.is_ready:
        names = [target.name for target in targets_of(plugin)] or [plugin.distribution]
        return [
            _finding(plugin, name, plugin.state, plugin.reason, plugin.remedy)
            for name in dict.fromkeys(names)
        ]
    found = verdicts(plugin, targets_of(plugin), config, fresh=True)
    return [finding for verdict in found for finding in _told(plugin, verdict)]


def _finding(
    plugin: Plugin, name: str, state: str, why: str = "", what_to_do: str = "", *measured: Any
) -> Finding:
    return Finding(name, plugin.distribution, plugin.version, state, why, what_to_do, *measured)


def _told(plugin: Plugin, verdict: Verdict) -> list[Finding]:
    name, measured = verdict.name, (verdict.import_ms, verdict.modules, verdict.packages)
    if not verdict.is_sound:
        why, what_to_do = reason(verdict), remedy(verdict, plugin)
        return [_finding(plugin, name, PluginState.QUARANTINED, why, what_to_do)]
    away = f"Tell its author, or remove the plugin with `pip uninstall {plugin.distribution}`."
    worries = complaints(verdict, plugin)
    if not worries:
        return [_finding(plugin, name, PluginState.READY, "", "", *measured)]
    return [_finding(plugin, name, WARNING, worry, away, *measured) for worry in worries]


class Panel(NamedTuple):
    """A table that a plugin gives of what its executor runs tasks with; all cells are text."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def health(executor: str, config: Config, bad: Collection[str] = ()) -> list[Finding]:
    """Run the health checks that come with an executor, in a child with a deadline.

    Those are its own and those of the distributions that it requires, but for the distributions
    in `bad`, which cannot be imported; none is no finding.
    """
    try:
        located = locate(executor, config)
    except UserError as error:
        return [
            Finding(executor, "", "", UNKNOWN, str(error), f"Give {chosen_by(config)} another.")
        ]
    return [
        finding
        for plugin in _concerned(located.plugin, config, bad)
        for finding in _health(plugin, config)
    ]


def _health(plugin: Plugin, config: Config) -> list[Finding]:
    reports, ended = _asked(plugin, config, "health")
    if ended:
        reports = [(False, f"its check_health {ended}")]
    return [_report(plugin, *report) for report in reports]


def panels(executor: str, config: Config) -> list[Panel]:
    """Return what the plugins of an executor show of it, each asked in a child with a deadline."""
    try:
        located = locate(executor, config)
    except UserError:
        return []
    return [
        panel for plugin in _concerned(located.plugin, config) for panel in _panels(plugin, config)
    ]


def _panels(plugin: Plugin, config: Config) -> list[Panel]:
    tables, ended = _asked(plugin, config, "panels")
    if ended:
        return [Panel(plugin.distribution, f"its get_web_panels {ended}", (), ())]
    return [
        Panel(
            table["title"] or plugin.distribution,
            table["text"],
            tuple(table["columns"]),
            tuple(map(tuple, table["rows"])),
        )
        for table in tables
    ]


def _concerned(
    plugin: Plugin | None, config: Config, bad: Collection[str] = ()
) -> Iterator[Plugin]:
    """Yield the distribution of an executor, and those that it requires, with groups of theirs."""
    if plugin is None:
        return
    wanted = {plugin.distribution, *plugin.requires} - set(bad)
    for one in installed_plugins(config):
        if one.distribution in wanted and one.is_ready and one.groups:
            yield one


def _asked(plugin: Plugin, config: Config, about: str) -> tuple[list[Any], str]:
    """Return what a plugin's modules say in a child; how that ended, where they said nothing."""
    answer = ask(
        {"targets": modules_of(plugin), about: {"timeout_s": HEALTH_S}},
        timeout_s=HEALTH_S + _MARGIN_S,
        environ={**os.environ, **child_environment(config)},
    )
    told = [message[about] for message in answer.messages if about in message]
    if told:
        return [one for each in told for one in each], ""
    return [], f"took longer than {HEALTH_S:g} s" if answer.is_timeout else answer.ended


def _report(plugin: Plugin, is_healthy: bool, message: str) -> Finding:  # noqa: FBT001 - of a pair
    group = plugin.groups[0].name
    if is_healthy:
        return _finding(plugin, group, HEALTHY, message)
    what_to_do = f"Do what it says; the options of {plugin.distribution} are in [{group}]."
    return _finding(plugin, group, UNHEALTHY, message, what_to_do)

"""Looking plugins over: each probed afresh in a child, and the executor's own health check.

The words about a plugin are `verdict`'s.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
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

#: Seconds that a health check may take.
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
    if located.plugin is None:
        return []
    wanted = {located.plugin.distribution, *located.plugin.requires} - set(bad)
    return [
        finding
        for plugin in installed_plugins(config)
        if plugin.distribution in wanted and plugin.is_ready and plugin.groups
        for finding in _health(plugin, config)
    ]


def _health(plugin: Plugin, config: Config, timeout_s: float = HEALTH_S) -> list[Finding]:
    answer = ask(
        {"targets": modules_of(plugin), "health": {"timeout_s": timeout_s}},
        timeout_s=timeout_s + _MARGIN_S,
        environ={**os.environ, **child_environment(config)},
    )
    told = [message["health"] for message in answer.messages if "health" in message]
    if not told:
        ended = f"took longer than {timeout_s:g} s" if answer.is_timeout else answer.ended
        told = [[(False, f"its check_health {ended}")]]
    return [_report(plugin, *report) for reports in told for report in reports]


def _report(plugin: Plugin, is_healthy: bool, message: str) -> Finding:  # noqa: FBT001 - of a pair
    group = plugin.groups[0].name
    if is_healthy:
        return _finding(plugin, group, HEALTHY, message)
    what_to_do = f"Do what it says; the options of {plugin.distribution} are in [{group}]."
    return _finding(plugin, group, UNHEALTHY, message, what_to_do)

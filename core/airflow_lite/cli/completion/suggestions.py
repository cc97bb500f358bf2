"""What there is to choose from on this machine: commands, ids, executors, settings.

Imports no plugin and no SQLAlchemy; what cannot be read is left out, since a Tab complains to
nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from airflow_lite.api.commands.outline import from_json
from airflow_lite.api.commands.spec import CLICommand
from airflow_lite.cli.core_commands import CORE_COMMANDS, find
from airflow_lite.config import Config, home_directory
from airflow_lite.errors import UserError
from airflow_lite.plugins.discovery.model import Plugin

#: Completers that the store answers: the function in `store.completion`, and what it must be told.
_STORED: dict[str, tuple[str, tuple[str, ...]]] = {
    "dag_id": ("dag_ids", ()),
    "task_id": ("task_ids", ("dag_id",)),
    "run_id": ("run_ids", ("dag_id",)),
    "pool": ("pools", ()),
    "dataset": ("datasets", ()),
    "variable": ("variables", ()),
    "connection": ("connections", ()),
}


class Suggestions:
    """Words to choose from, under one configuration; see `complete.Sources`."""

    def __init__(self, load_config: Callable[[], Config]) -> None:
        self._load_config = load_config

    @cached_property
    def _config(self) -> Config:
        """The configuration, or the defaults where it cannot be read."""
        try:
            return self._load_config()
        except UserError:
            return Config(home_directory(), os.environ)

    @cached_property
    def _plugins(self) -> list[Plugin]:
        from airflow_lite.plugins.discovery.index import installed_plugins

        return installed_plugins(self._config)

    def commands(self) -> Iterable[tuple[str, str]]:
        """Return name and help of the core's commands and of the groups that plugins offer."""
        from airflow_lite.plugins.groups import command_groups

        core = ((entry.name, entry.help) for entry in CORE_COMMANDS)
        return sorted([*command_groups(self._config), *core])

    def command(self, name: str) -> CLICommand | None:
        """Return the spec of a core command, or of a plugin's group as its probe saw it."""
        command = find(name)
        if command is not None:
            return command
        from airflow_lite.plugins.in_use import class_alone, plugins_in_use

        alone = class_alone(self._config)
        plugins = plugins_in_use(self._config, probing=False)
        groups = self._groups_of([*plugins, *([] if alone is None else [alone])])
        return next((group for group in groups if group.name == name), None)

    def _groups_of(self, plugins: list[Plugin]) -> list[CLICommand]:
        """Return the groups of these plugins, as their probes saw them."""
        if not plugins:
            return []
        from airflow_lite.plugins.probing.quarantine import kept_outlines

        outlines = [
            outline for plugin in plugins for outline in kept_outlines(plugin, self._config)
        ]
        try:
            return [from_json(outline) for outline in outlines]
        except (TypeError, ValueError):  # kept by another version
            return []

    def values(
        self, completer: str, arguments: Mapping[str, str], prefix: str
    ) -> Iterable[tuple[str, str]]:
        """Return what a completer stands for; nothing for one that is not known."""
        if completer in _STORED:
            return self._stored(*_STORED[completer], arguments, prefix)
        choose = getattr(self, f"_{completer}_values", None)
        return [] if choose is None else choose(arguments)

    def _stored(
        self, query: str, needs: tuple[str, ...], arguments: Mapping[str, str], prefix: str
    ) -> Iterable[tuple[str, str]]:
        from airflow_lite.store import completion

        path = completion.sqlite_path(self._config.get("database", "sql_alchemy_conn"))
        if not path or not arguments.keys() >= {*needs}:
            return []
        rows: Iterable[tuple[str, str]]
        rows = getattr(completion, query)(path, *(arguments[name] for name in needs), prefix)
        return rows

    def _executor_values(self, arguments: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS

        executors = dict.fromkeys(CORE_EXECUTORS, "")
        for plugin in self._plugins:
            for entry in plugin.executors if plugin.is_ready else ():
                executors.setdefault(entry.name, plugin.summary)
        return sorted(executors.items())

    def _plugin_values(self, arguments: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        return sorted({plugin.distribution: plugin.summary for plugin in self._plugins}.items())

    def _section_values(self, arguments: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        from airflow_lite.config import core_options

        return [(section, "") for section in dict.fromkeys(row.section for row in core_options())]

    def _option_values(self, arguments: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        from airflow_lite.config import core_options

        section = arguments.get("section", "").lower()
        return [(row.name, row.help) for row in core_options() if row.section == section]

    def _page_values(self, arguments: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        groups = [(entry.name, entry.help) for entry in CORE_COMMANDS if entry.is_group]
        for plugin in self._plugins:
            groups += [(entry.name, plugin.summary) for entry in plugin.groups]
        return sorted(groups)

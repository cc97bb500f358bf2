"""`airflow-lite plugins …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from airflow_lite.plugins.model import Entry, Plugin


def list_plugins(args: argparse.Namespace) -> int:
    """List executors and groups of commands, with their distribution and state."""
    from airflow_lite.cli.context import config
    from airflow_lite.cli.core_commands import CORE_COMMANDS
    from airflow_lite.cli.output import print_rows
    from airflow_lite.plugins.index import installed_plugins
    from airflow_lite.plugins.lookup import in_conflict

    commands = [command.name for command in CORE_COMMANDS]
    plugins = in_conflict(installed_plugins(config(args)), commands)
    rows = [_row(plugin, entry) for plugin in plugins for entry in plugin.executors + plugin.groups]
    rows += [_row(plugin, None) for plugin in plugins if not plugin.executors + plugin.groups]
    print_rows(rows, args.output)
    return 0


def _row(plugin: Plugin, entry: Entry | None) -> dict[str, Any]:
    return {
        "name": entry.name if entry else plugin.distribution,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state.value,
        "reason": plugin.reason,
        "remedy": plugin.remedy,
    }

"""`airflow-lite` without a command, and commands that are not the core's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli.core_commands import CORE_COMMANDS

if TYPE_CHECKING:
    from airflow_lite.cli.main import Flags
    from airflow_lite.cli.spec import CLICommand

USAGE = "usage: airflow-lite [-h] [--version] [--executor NAME] [--no-plugins] COMMAND …"
OPTIONS = (
    ("-h, --help", "Show this message"),
    ("--version", "Show the version"),
    ("--executor NAME", "Use this executor, over configuration and environment"),
    ("--no-plugins", "Leave every plugin alone"),
)


def root_help(flags: Flags) -> str:
    """Return the help of `airflow-lite` itself; no spec is imported for it."""
    groups = [(entry.name, entry.help) for entry in CORE_COMMANDS if entry.is_group]
    single = [(entry.name, entry.help) for entry in CORE_COMMANDS if not entry.is_group]
    parts = [USAGE, "", *_section("Groups", groups), *_section("Commands", single)]
    parts += _section("Groups of plugins", _plugin_groups(flags))
    parts += _section("Options", OPTIONS)
    parts += ["See `airflow-lite COMMAND --help` for one command. Start with `quickstart`."]
    return "\n".join(parts)


def _section(title: str, rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{title}:", *(f"  {name:<18}{text}" for name, text in rows), ""] if rows else []


def _plugin_groups(flags: Flags) -> list[tuple[str, str]]:
    return []

"""`airflow-lite cheat-sheet`: every command, a line each, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_lite.api.commands.spec import CLICommand, GroupCommand
from airflow_lite.cli import context
from airflow_lite.cli.core_commands import CORE_NAMES, all_commands
from airflow_lite.cli.program import PROGRAM

_WIDTH = 46


def cheat_sheet(args: context.Args) -> int:
    """List all commands; of plugins, their groups, none of whose code is run."""
    from airflow_lite.plugins.groups import command_groups

    for title, rows in _tables(PROGRAM, all_commands(), "Miscellaneous commands"):
        _print(title, rows)
    groups = command_groups(context.config(args), CORE_NAMES)
    _print("Groups of plugins", [(f"{PROGRAM} {name}", text) for name, text in groups])
    return 0


def _tables(
    prefix: str, commands: Iterable[CLICommand], title: str
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield title and rows of the commands themselves, then of each group."""
    ordered = sorted(commands, key=lambda command: command.name)
    yield (
        title,
        [
            (f"{prefix} {command.name}", command.help)
            for command in ordered
            if not isinstance(command, GroupCommand) and not command.hide
        ],
    )
    for command in ordered:
        if isinstance(command, GroupCommand):
            yield from _tables(f"{prefix} {command.name}", command.subcommands, command.help)


def _print(title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        lines = [f"{words:<{_WIDTH}} | {text}" for words, text in rows]
        print("\n".join([title, *lines, ""]))

"""What completion needs to know of a command: plain data that JSON can hold.

So that a plugin's commands can be kept in a file, and completed without importing the plugin.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.cli.spec import GroupCommand

if TYPE_CHECKING:
    from airflow_lite.cli.spec import Arg, CLICommand

_NO_VALUE = {"store_true", "store_false", "store_const", "append_const", "count", "help", "version"}
_REPEATED = {"append", "append_const", "count", "extend"}
_MOST_CHOICES = 200


class ArgOutline(NamedTuple):
    """One argument. `takes` is how many words: a number, or argparse's `?`, `*`, `+`."""

    flags: tuple[str, ...]
    dest: str
    help: str = ""
    takes: str = "1"
    choices: tuple[str, ...] = ()
    completer: str = ""
    is_repeated: bool = False

    @property
    def is_positional(self) -> bool:
        """Whether the argument is named by its place."""
        return not self.flags[0].startswith("-")


class Outline(NamedTuple):
    """One command or group; a hidden command is not in its group's outline."""

    name: str
    help: str = ""
    args: tuple[ArgOutline, ...] = ()
    commands: tuple[Outline, ...] = ()
    is_group: bool = False


def outline(command: CLICommand) -> Outline:
    """Return the outline of a command or group."""
    if isinstance(command, GroupCommand):
        shown = [one for one in command.subcommands if not getattr(one, "hide", False)]
        commands = tuple(outline(one) for one in sorted(shown, key=lambda one: one.name))
        return Outline(command.name, one_line(command.help), commands=commands, is_group=True)
    args = tuple(_argument(arg) for arg in command.args)
    return Outline(command.name, one_line(command.help), args)


def _argument(arg: Arg) -> ArgOutline:
    given = arg.kwargs
    action = given.get("action", "store")
    return ArgOutline(
        arg.flags,
        arg.dest,
        one_line(given.get("help") or ""),
        _takes(action, given.get("nargs")),
        tuple(str(choice) for choice in islice(given.get("choices") or (), _MOST_CHOICES)),
        arg.completer or "",
        action in _REPEATED,
    )


def _takes(action: Any, nargs: Any) -> str:
    if action in _NO_VALUE or getattr(action, "__name__", "") == "BooleanOptionalAction":
        return "0"
    return "1" if nargs is None else str(nargs)


def one_line(text: str) -> str:
    """Return the text without tabs and line ends, as it may stand beside a word."""
    return " ".join(text.split())


def from_json(data: Any) -> Outline:
    """Read an outline that went through JSON; raise `TypeError` or `ValueError`."""
    name, text, args, commands, is_group = data
    return Outline(
        str(name),
        str(text),
        tuple(_argument_from(arg) for arg in args),
        tuple(from_json(command) for command in commands),
        bool(is_group),
    )


def _argument_from(data: Any) -> ArgOutline:
    flags, dest, text, takes, choices, completer, is_repeated = data
    return ArgOutline(
        tuple(map(str, flags)),
        str(dest),
        str(text),
        str(takes),
        tuple(map(str, choices)),
        str(completer),
        bool(is_repeated),
    )

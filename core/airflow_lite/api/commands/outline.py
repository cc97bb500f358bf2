"""Commands as JSON, so that a plugin's are completed without importing it."""

from __future__ import annotations

from itertools import islice
from typing import Any, NoReturn

from airflow_lite.api.commands.spec import ActionCommand, Arg, CLICommand, GroupCommand

_MOST_CHOICES = 200


def to_json(command: CLICommand) -> list[Any]:
    """Return name, help, arguments and commands; a group has None for arguments."""
    if isinstance(command, GroupCommand):
        shown = [child for child in command.subcommands if not getattr(child, "hide", False)]
        return [command.name, command.help, None, [*map(to_json, shown)]]
    return [command.name, command.help, [_argument(arg) for arg in command.args], []]


def _argument(arg: Arg) -> list[Any]:
    """Return the part of an argument that completion needs."""
    kwargs: dict[str, Any] = {name: arg.kwargs.get(name) for name in ("help", "nargs")}
    kwargs["choices"] = [*map(str, islice(arg.kwargs.get("choices") or (), _MOST_CHOICES))]
    action = arg.kwargs.get("action")
    kwargs["action"] = getattr(action, "__name__", action)
    kwargs["dest"] = arg.dest
    return [arg.flags, kwargs, arg.completer]


def from_json(data: Any) -> CLICommand:
    """Read what `to_json` made, after JSON; raise `TypeError` or `ValueError`."""
    name, text, args, commands = data
    if args is None:
        return GroupCommand(str(name), str(text), tuple(map(from_json, commands)))
    return ActionCommand(str(name), str(text), _never, tuple(map(_argument_from, args)))


def _argument_from(data: Any) -> Arg:
    flags, kwargs, completer = data
    if not flags:
        raise ValueError("an argument has no name")
    return Arg(tuple(map(str, flags)), completer=completer, **kwargs)


def _never(*_: object) -> NoReturn:
    raise AssertionError("A command that was read from JSON is for completion alone.")

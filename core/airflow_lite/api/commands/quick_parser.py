"""Parsing without argparse, which takes longer than most commands do.

Only where nothing can go wrong or mean two things: as many words as the command has positionals,
none of them an option. All else is left to argparse.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from airflow_lite.api.commands.spec import ActionCommand, Arg, CLICommand, GroupCommand

_SWITCHES = {"store_true": False, "store_false": True}


def parsed(command: CLICommand, words: list[str]) -> SimpleNamespace | None:
    """Return what argparse would make of `words`; None if only argparse can say."""
    if any(word.startswith("-") or not word for word in words):
        return None
    names: dict[str, Any] = {}
    while isinstance(command, GroupCommand):
        if not isinstance(command.subcommands, list | tuple):
            return None  # an iterator would be empty after one look
        name, *words = words or [""]
        matches = [child for child in command.subcommands if child.name == name]
        if not matches:
            return None
        command, names["subcommand"] = matches[0], name
    if not isinstance(command.args, list | tuple):
        return None
    values = _values(command, words)
    return None if values is None else SimpleNamespace(**{**names, **values, "_func": command.func})


def _values(command: ActionCommand, words: list[str]) -> dict[str, Any] | None:
    positionals = [argument for argument in command.args if argument.is_positional]
    options = [argument for argument in command.args if not argument.is_positional]
    is_plain = all(argument.kwargs.keys() <= {"help", "metavar"} for argument in positionals)
    if len(positionals) != len(words) or not is_plain:
        return None
    names = [argument.flags[0] for argument in positionals]
    values: dict[str, Any] = dict(zip(names, words, strict=True))
    values["verbose"] = False
    for option in options:
        if not _has_plain_default(option):
            return None
        values[option.dest] = _default(option)
    return values


def _has_plain_default(option: Arg) -> bool:
    """Return whether the option's absence means its default, as it stands."""
    kwargs = option.kwargs
    converted = "type" in kwargs and isinstance(kwargs.get("default"), str)
    is_plain = kwargs.get("action", "store") in {"store", *_SWITCHES}
    return is_plain and not converted and not kwargs.get("required")


def _default(option: Arg) -> Any:
    return option.kwargs.get("default", _SWITCHES.get(option.kwargs.get("action", "store")))

"""Which words may stand where the cursor is: pure, the choices come from `Sources`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from airflow_lite.api.commands.spec import (
    HELP,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    all_args,
)
from airflow_lite.cli.options import EXECUTOR, GLOBAL

FILE = "file"
#: Actions of argparse, by name: what takes no value, and what may be given again.
_NO_VALUE = {
    *("store_true", "store_false", "store_const", "append_const", "count", "help", "version"),
    "BooleanOptionalAction",
}
_REPEATED = {"append", "append_const", "count", "extend"}


class Completion(NamedTuple):
    """The words to offer, each with its help; with `is_file` the shell offers paths itself."""

    candidates: tuple[tuple[str, str], ...] = ()
    is_file: bool = False


class Sources(Protocol):
    """Where words come from that are not in the command's spec."""

    def commands(self) -> Iterable[tuple[str, str]]:
        """Return name and help of every command and group that can be used."""

    def command(self, name: str) -> CLICommand | None:
        """Return the spec of one of them; None if it is not known."""

    def values(
        self, completer: str, arguments: Mapping[str, str], prefix: str
    ) -> Iterable[tuple[str, str]]:
        """Return what `Arg.completer` stands for; `arguments` are the other arguments by dest."""


class _Place(NamedTuple):
    """What the words before the cursor leave open: the option that waits for a value, and so on."""

    waiting: Arg | None
    positional: Arg | None
    arguments: dict[str, str]
    used: set[Arg]
    only_positionals: bool


def complete(words: Sequence[str], sources: Sources) -> Completion:
    """Return what the last word may be, after those before it (the program's name left out)."""
    *before, current = words or [""]
    if before and before[-1] == "--executor" and "--" not in before:
        return _values(EXECUTOR, {}, current, sources)
    if "--" not in before and current.startswith("--executor="):
        return _after_equals([EXECUTOR], {}, current, sources)
    name, *rest = _without_globals(before) or [""]
    if not name:
        if current.startswith("-"):
            return _flags(GLOBAL, set(), current)
        return _matching(sources.commands(), current)
    command = sources.command(name)
    return Completion() if command is None else _within(command, rest, current, sources)


def _without_globals(words: Sequence[str]) -> list[str]:
    """Return the words without what holds for every command."""
    kept: list[str] = []
    waiting = deque(words)
    while waiting:
        word = waiting.popleft()
        if word == "--":
            return [*kept, word, *waiting]
        if word == "--executor" and waiting:
            waiting.popleft()
        elif word != "--no-plugins" and not word.startswith("--executor="):
            kept.append(word)
    return kept


def _within(command: CLICommand, words: list[str], current: str, sources: Sources) -> Completion:
    while isinstance(command, GroupCommand):
        names = [word for word in words if not word.startswith("-")]
        if not names:
            if current.startswith("-"):
                return _flags((HELP,), set(), current)
            shown = [child for child in command.subcommands if not getattr(child, "hide", False)]
            return _matching(sorted((child.name, child.help) for child in shown), current)
        matches = [child for child in command.subcommands if child.name == names[0]]
        if not matches:
            return Completion()
        command, words = matches[0], words[words.index(names[0]) + 1 :]
    return _argument(command, words, current, sources)


def _argument(
    command: ActionCommand, words: list[str], current: str, sources: Sources
) -> Completion:
    args = [*all_args(command), HELP]
    place = _place(args, words)
    if place.waiting is not None:
        return _values(place.waiting, place.arguments, current, sources)
    if current.startswith("-") and not place.only_positionals:
        if "=" in current:
            return _after_equals(args, place.arguments, current, sources)
        return _flags(args, place.used, current)
    if place.positional is not None:
        return _values(place.positional, place.arguments, current, sources)
    if current or place.only_positionals:
        return Completion()
    return _flags(args, place.used, current)


def _place(args: Iterable[Arg], words: Iterable[str]) -> _Place:
    options = {flag: arg for arg in args if not arg.is_positional for flag in arg.flags}
    positionals = deque(_one_per_word(arg for arg in args if arg.is_positional))
    arguments: dict[str, str] = {}
    used: set[Arg] = set()
    waiting: deque[Arg] = deque()
    only_positionals = False
    for word in words:
        is_option = word.startswith("-") and word != "-" and not only_positionals
        if is_option:
            waiting.clear()  # of an option that takes any number of words
        if waiting:
            arguments.setdefault(waiting[0].dest, word)
            _consume(waiting)
        elif word == "--" and is_option:
            only_positionals = True
        elif is_option:
            flag, has_value, value = word.partition("=")
            option = options.get(flag)
            if option is None:
                continue
            used.add(option)
            if has_value:
                arguments.setdefault(option.dest, value)
            elif _nargs(option) != "0":
                waiting.extend(_one_per_word([option]))
        elif positionals:
            arguments.setdefault(positionals[0].dest, word)
            _consume(positionals)
    return _Place(
        waiting[0] if waiting else None,
        positionals[0] if positionals else None,
        arguments,
        used,
        only_positionals,
    )


def _one_per_word(args: Iterable[Arg]) -> list[Arg]:
    """Return each argument as often as it takes a word."""
    return [arg for arg in args for _ in range(int(_nargs(arg)) if _nargs(arg).isdecimal() else 1)]


def _nargs(arg: Arg) -> str:
    """Return how many words an argument takes: a number, or argparse's `?`, `*`, `+`."""
    action = arg.kwargs.get("action")
    if getattr(action, "__name__", action) in _NO_VALUE:
        return "0"
    return str(arg.kwargs.get("nargs") or 1)


def _consume(args: deque[Arg]) -> None:
    if _nargs(args[0]) not in {"*", "+", "..."}:
        args.popleft()


def _flags(args: Iterable[Arg], used: set[Arg], current: str) -> Completion:
    """Return the options that are not yet given: by their long name, unless `-x` is asked for."""
    options = [arg for arg in args if not arg.is_positional]
    free = [arg for arg in options if arg not in used or arg.kwargs.get("action") in _REPEATED]
    rows = [
        (flag, arg.kwargs.get("help") or "") for arg in free for flag in _flags_of(arg, current)
    ]
    return _matching(sorted(rows), current)


def _flags_of(arg: Arg, current: str) -> tuple[str, ...]:
    """Return the flags of an option that are worth offering for what was typed."""
    long = tuple(flag for flag in arg.flags if flag.startswith("--"))
    if current in {"", "-", "--"}:
        return long or arg.flags
    return arg.flags


def _after_equals(
    args: Iterable[Arg], arguments: Mapping[str, str], current: str, sources: Sources
) -> Completion:
    flag, _, prefix = current.partition("=")
    option = next((arg for arg in args if flag in arg.flags), None)
    if option is None or _nargs(option) == "0":
        return Completion()
    answer = _values(option, arguments, prefix, sources)
    return answer._replace(
        candidates=tuple((f"{flag}={value}", text) for value, text in answer.candidates)
    )


def _values(arg: Arg, arguments: Mapping[str, str], prefix: str, sources: Sources) -> Completion:
    if choices := arg.kwargs.get("choices"):
        return _matching(((str(choice), "") for choice in choices), prefix)
    if arg.completer == FILE:
        return Completion(is_file=True)
    if arg.completer is None:
        return Completion()
    return _matching(sources.values(arg.completer, arguments, prefix), prefix)


def _matching(rows: Iterable[tuple[str, str]], prefix: str) -> Completion:
    candidates = ((value, " ".join(text.split())) for value, text in rows)
    return Completion(tuple(row for row in candidates if row[0].startswith(prefix)))

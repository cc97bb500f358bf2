"""Which words may stand where the cursor is: pure, what there is to choose from is asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from airflow_lite.api.commands.options import HELP, all_args
from airflow_lite.api.commands.spec import ActionCommand, Arg, CLICommand, GroupCommand
from airflow_lite.cli.options import EXECUTOR, GLOBAL

FILE = "file"
#: Actions of argparse, by name: what takes no value, and what may be given again.
_NO_VALUE = {
    *("store_true", "store_false", "store_const", "append_const", "count", "help", "version"),
    "BooleanOptionalAction",
}
_REPEATED = {"append", "append_const", "count", "extend"}


class Completion(NamedTuple):
    """The words to offer and what each is; `is_file`: a path is wanted, the shell knows best."""

    candidates: tuple[tuple[str, str], ...] = ()
    is_file: bool = False


class Sources(Protocol):
    """Where words come from that are not in the command's spec."""

    def commands(self) -> Iterable[tuple[str, str]]:
        """Return name and help of every command and group that can be used."""

    def command(self, name: str) -> CLICommand | None:
        """Return the spec of one of them; None if it is not known."""

    def values(
        self, completer: str, given: Mapping[str, str], prefix: str
    ) -> Iterable[tuple[str, str]]:
        """Return what `Arg.completer` stands for; `given` are the other arguments by dest."""


class _Place(NamedTuple):
    """Where the words before the cursor lead: the option that waits for a value, and so on."""

    waiting: Arg | None
    positional: Arg | None
    given: dict[str, str]
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
    found = sources.command(name)
    return Completion() if found is None else _within(found, rest, current, sources)


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
            shown = [one for one in command.subcommands if not getattr(one, "hide", False)]
            return _matching(sorted((one.name, one.help) for one in shown), current)
        inner = [one for one in command.subcommands if one.name == names[0]]
        if not inner:
            return Completion()
        command, words = inner[0], words[words.index(names[0]) + 1 :]
    return _argument(command, words, current, sources)


def _argument(
    command: ActionCommand, words: list[str], current: str, sources: Sources
) -> Completion:
    args = [*all_args(command), HELP]
    place = _place(args, words)
    if place.waiting is not None:
        return _values(place.waiting, place.given, current, sources)
    if current.startswith("-") and not place.only_positionals:
        if "=" in current:
            return _after_equals(args, place.given, current, sources)
        return _flags(args, place.used, current)
    if place.positional is not None:
        return _values(place.positional, place.given, current, sources)
    if current or place.only_positionals:
        return Completion()
    return _flags(args, place.used, current)


def _place(args: Iterable[Arg], words: Iterable[str]) -> _Place:
    options = {flag: arg for arg in args if not arg.is_positional for flag in arg.flags}
    positionals = deque(_one_by_one(arg for arg in args if arg.is_positional))
    given: dict[str, str] = {}
    used: set[Arg] = set()
    waiting: deque[Arg] = deque()
    only_positionals = False
    for word in words:
        is_option = word.startswith("-") and word != "-" and not only_positionals
        if is_option:
            waiting.clear()  # of an option that takes any number of words
        if waiting:
            given.setdefault(waiting[0].dest, word)
            _take_one(waiting)
        elif word == "--" and is_option:
            only_positionals = True
        elif is_option:
            flag, has_value, value = word.partition("=")
            option = options.get(flag)
            if option is None:
                continue
            used.add(option)
            if has_value:
                given.setdefault(option.dest, value)
            elif _takes(option) != "0":
                waiting.extend(_one_by_one([option]))
        elif positionals:
            given.setdefault(positionals[0].dest, word)
            _take_one(positionals)
    return _Place(
        waiting[0] if waiting else None,
        positionals[0] if positionals else None,
        given,
        used,
        only_positionals,
    )


def _one_by_one(args: Iterable[Arg]) -> list[Arg]:
    """Return each argument as often as it takes a word."""
    return [arg for arg in args for _ in range(int(_takes(arg)) if _takes(arg).isdecimal() else 1)]


def _takes(arg: Arg) -> str:
    """Return how many words an argument takes: a number, or argparse's `?`, `*`, `+`."""
    action = arg.kwargs.get("action")
    if getattr(action, "__name__", action) in _NO_VALUE:
        return "0"
    return str(arg.kwargs.get("nargs") or 1)


def _take_one(args: deque[Arg]) -> None:
    if _takes(args[0]) not in {"*", "+", "..."}:
        args.popleft()


def _flags(args: Iterable[Arg], used: set[Arg], current: str) -> Completion:
    """Return the options that are not yet given: by their long name, unless `-x` is asked for."""
    options = [arg for arg in args if not arg.is_positional]
    free = [arg for arg in options if arg not in used or arg.kwargs.get("action") in _REPEATED]
    rows = [(flag, arg.kwargs.get("help") or "") for arg in free for flag in _shown(arg, current)]
    return _matching(sorted(rows), current)


def _shown(arg: Arg, current: str) -> tuple[str, ...]:
    """Return the flags of an option that are worth offering for what was typed."""
    long = tuple(flag for flag in arg.flags if flag.startswith("--"))
    if current in {"", "-", "--"}:
        return long or arg.flags
    return arg.flags


def _after_equals(
    args: Iterable[Arg], given: Mapping[str, str], current: str, sources: Sources
) -> Completion:
    flag, _, prefix = current.partition("=")
    option = next((arg for arg in args if flag in arg.flags), None)
    if option is None or _takes(option) == "0":
        return Completion()
    answer = _values(option, given, prefix, sources)
    return answer._replace(
        candidates=tuple((f"{flag}={value}", text) for value, text in answer.candidates)
    )


def _values(arg: Arg, given: Mapping[str, str], prefix: str, sources: Sources) -> Completion:
    if choices := arg.kwargs.get("choices"):
        return _matching(((str(choice), "") for choice in choices), prefix)
    if arg.completer == FILE:
        return Completion(is_file=True)
    return _matching(sources.values(arg.completer, given, prefix) if arg.completer else (), prefix)


def _matching(rows: Iterable[tuple[str, str]], prefix: str) -> Completion:
    found = ((value, " ".join(text.split())) for value, text in rows)
    return Completion(tuple(row for row in found if row[0].startswith(prefix)))

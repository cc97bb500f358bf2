"""Which words may stand where the cursor is: pure, what there is to choose from is asked."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airflow_lite.cli.outline import ArgOutline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_lite.cli.outline import Outline

FILE = "file"
#: What every command takes.
HELP = ArgOutline(("-h", "--help"), "help", "Show help and exit", "0")
VERBOSE = ArgOutline(("-v", "--verbose"), "verbose", "Show tracebacks and more of the log", "0")
#: What stands before a command.
EXECUTOR = ArgOutline(
    ("--executor",), "executor", "Use this executor, over configuration", completer="executor"
)
GLOBAL = (
    HELP,
    ArgOutline(("--version",), "version", "Show the version", "0"),
    EXECUTOR,
    ArgOutline(("--no-plugins",), "no_plugins", "Leave every plugin alone", "0"),
)


class Candidate(NamedTuple):
    """A word that may stand there, and what it is."""

    value: str
    help: str = ""


class Answer(NamedTuple):
    """The words to offer; `is_file`: a path is wanted, which the shell knows best."""

    candidates: tuple[Candidate, ...] = ()
    is_file: bool = False


class Sources(Protocol):
    """Where words come from that are not in the command's outline."""

    def commands(self) -> Iterable[tuple[str, str]]:
        """Return name and help of every command and group that can be used."""

    def outline(self, name: str) -> Outline | None:
        """Return the outline of one of them; None if it is not known."""

    def values(
        self, completer: str, given: Mapping[str, str], prefix: str
    ) -> Iterable[tuple[str, str]]:
        """Return what `Arg.completer` stands for; `given` are the other arguments by dest."""


class _Place(NamedTuple):
    """Where the words before the cursor lead: the option that waits for a value, and so on."""

    waiting: ArgOutline | None
    positional: ArgOutline | None
    given: dict[str, str]
    used: set[ArgOutline]
    only_positionals: bool


def complete(words: Sequence[str], sources: Sources) -> Answer:
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
    found = sources.outline(name)
    return Answer() if found is None else _within(found, rest, current, sources)


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


def _within(command: Outline, words: list[str], current: str, sources: Sources) -> Answer:
    while command.is_group:
        names = [word for word in words if not word.startswith("-")]
        if not names:
            if current.startswith("-"):
                return _flags((HELP,), set(), current)
            return _matching(((one.name, one.help) for one in command.commands), current)
        inner = [one for one in command.commands if one.name == names[0]]
        if not inner:
            return Answer()
        command, words = inner[0], words[words.index(names[0]) + 1 :]
    return _argument(command, words, current, sources)


def _argument(command: Outline, words: list[str], current: str, sources: Sources) -> Answer:
    args = [*command.args, HELP]
    if not any(set(arg.flags) & set(VERBOSE.flags) for arg in args):
        args.append(VERBOSE)
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
        return Answer()
    return _flags(args, place.used, current)


def _place(args: Iterable[ArgOutline], words: Iterable[str]) -> _Place:
    options = {flag: arg for arg in args if not arg.is_positional for flag in arg.flags}
    positionals = deque(_one_by_one(arg for arg in args if arg.is_positional))
    given: dict[str, str] = {}
    used: set[ArgOutline] = set()
    waiting: deque[ArgOutline] = deque()
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
            elif option.takes != "0":
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


def _one_by_one(args: Iterable[ArgOutline]) -> list[ArgOutline]:
    """Return each argument as often as it takes a word."""
    return [arg for arg in args for _ in range(int(arg.takes) if arg.takes.isdecimal() else 1)]


def _take_one(args: deque[ArgOutline]) -> None:
    if args[0].takes in {"*", "+", "..."}:
        return
    args.popleft()


def _flags(args: Iterable[ArgOutline], used: set[ArgOutline], current: str) -> Answer:
    """Return the options that are not yet given: by their long name, unless `-x` is asked for."""
    free = [arg for arg in args if not arg.is_positional and (arg.is_repeated or arg not in used)]
    rows = [(flag, arg.help) for arg in free for flag in _shown(arg, current)]
    return _matching(sorted(rows), current)


def _shown(arg: ArgOutline, current: str) -> tuple[str, ...]:
    """Return the flags of an option that are worth offering for what was typed."""
    long = tuple(flag for flag in arg.flags if flag.startswith("--"))
    if current in {"", "-", "--"}:
        return long or arg.flags
    return arg.flags


def _after_equals(
    args: Iterable[ArgOutline], given: Mapping[str, str], current: str, sources: Sources
) -> Answer:
    flag, _, prefix = current.partition("=")
    option = next((arg for arg in args if flag in arg.flags), None)
    if option is None or option.takes == "0":
        return Answer()
    answer = _values(option, given, prefix, sources)
    return answer._replace(
        candidates=tuple(Candidate(f"{flag}={value}", text) for value, text in answer.candidates)
    )


def _values(arg: ArgOutline, given: Mapping[str, str], prefix: str, sources: Sources) -> Answer:
    if arg.choices:
        return _matching(((choice, "") for choice in arg.choices), prefix)
    if arg.completer == FILE:
        return Answer(is_file=True)
    return _matching(sources.values(arg.completer, given, prefix) if arg.completer else (), prefix)


def _matching(rows: Iterable[tuple[str, str]], prefix: str) -> Answer:
    return Answer(tuple(Candidate(*row) for row in rows if row[0].startswith(prefix)))

"""A command line as plain data: `Arg`, `ActionCommand`, `GroupCommand`.

Imports the standard library alone, reads no configuration and does no work, since parsers, help,
man pages, completion and documentation are all made from it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence


class _Unset:
    """The value of a parameter that was left out, since None and 0 are values."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


class Arg:
    """One argument of a command; the parameters are those of `ArgumentParser.add_argument`.

    A positional has one flag without a dash. `completer` says what the shell completes it with:
    "dag_id", "task_id" and "run_id" (of the DAG that the argument `dag_id` names), "pool",
    "variable", "connection", "executor", "plugin", "section", "option" (of the argument
    `section`), "page" or "file".
    """

    def __init__(
        self,
        flags: str | Sequence[str],
        help: str | None = None,
        action: Any = UNSET,
        default: Any = UNSET,
        nargs: Any = UNSET,
        type: Any = UNSET,
        choices: Any = UNSET,
        required: Any = UNSET,
        metavar: Any = UNSET,
        dest: Any = UNSET,
        completer: str | None = None,
    ) -> None:
        parameters = {**locals()}
        self.flags: tuple[str, ...] = (flags,) if isinstance(flags, str) else tuple(flags)
        self.completer = completer
        own = {"self", "flags", "completer"}
        self.kwargs = {k: v for k, v in parameters.items() if k not in own and v is not UNSET}

    def __repr__(self) -> str:
        return f"Arg({', '.join(self.flags)})"

    @property
    def is_positional(self) -> bool:
        """Whether the argument is positional: named by its place, without dashes."""
        return not self.flags[0].startswith("-")

    @property
    def dest(self) -> str:
        """The attribute that argparse sets: of the first long flag, else of the first."""
        if "dest" in self.kwargs:
            return str(self.kwargs["dest"])
        if self.is_positional:
            return self.flags[0]
        long = [flag for flag in self.flags if flag.startswith("--")]
        return (long or list(self.flags))[0].lstrip("-").replace("-", "_")

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add this argument to an argparse parser."""
        parser.add_argument(*self.flags, **self.kwargs)


class ActionCommand(NamedTuple):
    """A command that does something: `func` gets the parsed arguments, returns the exit code.

    A `func` that returns None exits with 0.
    """

    name: str
    help: str
    func: Callable[..., int | None]
    args: Iterable[Arg] = ()
    description: str | None = None
    epilog: str | None = None
    hide: bool = False


class GroupCommand(NamedTuple):
    """A named group of commands, such as `airflow-lite dags …`.

    `default` is the command that is meant where none is named.
    """

    name: str
    help: str
    subcommands: Iterable[CLICommand]
    description: str | None = None
    epilog: str | None = None
    default: str | None = None

    def words(self, words: list[str]) -> list[str]:
        """Return the words of a command line after the group's name, with the default in place."""
        is_named = bool(words) and (not words[0].startswith("-") or words[0] in HELP.flags)
        return words if is_named or self.default is None else [self.default, *words]


CLICommand = ActionCommand | GroupCommand


def lazy_load_command(import_path: str) -> Callable[..., int | None]:
    """Return a function that imports `module.path.function` when it is first called."""
    module_path, _, name = import_path.rpartition(".")

    def command(*args: Any, **kwargs: Any) -> int | None:
        function = getattr(import_module(module_path), name)
        result: int | None = function(*args, **kwargs)
        return result

    command.__name__ = command.__qualname__ = name
    command.import_path = import_path  # type: ignore[attr-defined]
    return command


def switch(flags: str | tuple[str, str], help: str) -> Arg:
    """Return an option that takes no value."""
    return Arg(flags, help, action="store_true")


#: Taken from the words of every command, wherever they stand, before it sees them.
PROGRAM_OPTIONS = frozenset({"--executor", "--no-plugins"})
HELP = switch(("-h", "--help"), "Show help and exit")


#: Every command has it, as Airflow's do.
VERBOSE = switch(("-v", "--verbose"), "Show tracebacks and more of the log")


def all_args(action: ActionCommand) -> list[Arg]:
    """Return the arguments of a command, with `--verbose` unless it has one of its own."""
    own = {flag for arg in action.args for flag in arg.flags}
    return [*action.args] if own & {*VERBOSE.flags} else [*action.args, VERBOSE]

"""Parsers made from command specs, each filled only when it is parsed or printed."""

from __future__ import annotations

import argparse
import copy
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, NoReturn, Self

from airflow_lite.api.commands.spec import (
    HELP,
    PROGRAM_OPTIONS,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    all_args,
)
from airflow_lite.text import nearest

#: What argparse fills in: a percent sign of any other kind is one that the author wrote.
_PLACEHOLDER = re.compile(r"%(?:%|\(\w+\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z])")


def expand_help(formatter: argparse.HelpFormatter, action: argparse.Action) -> str:
    """Return an argument's help with `%(default)s` and the like filled in.

    All else is left as it is written, where argparse would fail on "80% of the slots".
    """

    def filled_in(placeholder: re.Match[str]) -> str:
        alone = copy.copy(action)
        alone.help = placeholder[0]
        try:
            return argparse.HelpFormatter._expand_help(formatter, alone)  # noqa: SLF001 - no other
        except (KeyError, TypeError, ValueError):
            return placeholder[0]

    return _PLACEHOLDER.sub(filled_in, action.help or "")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help in the style of the program's own: a value is named once, commands have one heading."""

    def _expand_help(self, action: argparse.Action) -> str:
        return expand_help(self, action)

    def _format_text(self, text: str) -> str:
        """Format a description or epilog; argparse would fail on a percent sign beside %(prog)s."""
        return super()._format_text(text.replace("%(prog)s", self._prog))

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - no public name
            return super()._format_action(action)
        rows = action._get_subactions()  # noqa: SLF001 - its own would be indented once more
        return self._join_parts([self._format_action(row) for row in rows])


class Parser(argparse.ArgumentParser):
    """The parser of a command or group, whose arguments are added when they are first needed."""

    def __init__(self, *, command: CLICommand | None = None, **kwargs: Any) -> None:
        if command is not None:
            about = command.description or command.help
            kwargs |= {"description": about, "epilog": command.epilog or _epilog(command, kwargs)}
        super().__init__(allow_abbrev=False, **kwargs)
        self._command = command
        self._positionals.title, self._optionals.title = "Arguments", "Options"
        self._actions[0].help = HELP.kwargs["help"]

    def filled(self) -> Self:
        """Return this parser with its arguments in place."""
        command, self._command = self._command, None
        if isinstance(command, GroupCommand):
            self._add_commands(command)
        elif command is not None:
            self._add_command(command)
        return self

    def all_filled(self) -> Self:
        """Return this parser with its arguments in place, and those of its commands."""
        self.filled()
        for action in self._actions:
            if isinstance(action.choices, dict):
                for parser in action.choices.values():
                    parser.all_filled()
        return self

    def _add_commands(self, group: GroupCommand) -> None:
        parsers = self.add_subparsers(
            dest="subcommand", metavar="COMMAND", required=True, title="Commands", prog=self.prog
        )
        for command in sorted(group.subcommands, key=lambda command: command.name):
            shown: dict[str, Any] = {"help": command.help}
            if getattr(command, "hide", False):
                shown = {}
            parsers.add_parser(command.name, command=command, **shown)
        self._action_groups.sort(key=lambda each: each is self._optionals)  # they stand last

    def _add_command(self, command: ActionCommand) -> None:
        for argument in sorted(all_args(command), key=_order):
            argument.add_to_parser(self)
        self.set_defaults(_func=command.func)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Fill the parser and parse; a command, unlike a group, refuses unknown words."""
        self.filled()
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown and self._subparsers is None:
            self.error(
                f"unrecognized arguments: {' '.join(unknown)[:200]}{self._suggestion(unknown)}"
            )
        return parsed, unknown

    def _suggestion(self, unknown: list[str]) -> str:
        flags = [word for word in self._option_string_actions if word.startswith("--")]
        options = (word.partition("=")[0] for word in unknown if word.startswith("--"))
        return next((_hint(option, flags) for option in options if nearest(option, flags)), "")

    def format_help(self) -> str:
        """Return the help text, filled first."""
        self.filled()
        return super().format_help()

    def format_usage(self) -> str:
        """Return the usage line, filled first."""
        self.filled()
        return super().format_usage()

    def _get_formatter(self) -> argparse.HelpFormatter:
        """Return a formatter of the terminal's width; argparse asks for one per argument.

        Left to find the width itself it imports shutil, which is slow.
        """
        return self._formatter(_columns() - 2)

    def _formatter(self, width: int) -> argparse.HelpFormatter:
        return _HelpFormatter(self.prog, width=width, max_help_position=30)

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong with the arguments, and exit with 2."""
        if message.endswith("arguments are required: COMMAND"):
            self.print_help(sys.stderr)
            sys.stderr.write("\n")
        text = " ".join(message.split())
        self.exit(2, f"{self.prog} command error: {text}. See `{self.prog} --help`.\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help so that a full disk or a closed pipe raises, as with all output."""
        if file is sys.stdout and message:
            file.write(message)
        else:
            super()._print_message(message, file)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the nearest words for one that is not a choice, as for an unknown command."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        raise argparse.ArgumentError(
            action, f"invalid choice: {str(value)[:60]!r}{_hint(str(value), choices)}"
        )


def _epilog(command: CLICommand, kwargs: dict[str, Any]) -> str | None:
    """Return the last line of a group's help: as that of the program itself."""
    if not isinstance(command, GroupCommand):
        return None
    return f"See `{kwargs['prog']} COMMAND --help` for one command."


def _columns() -> int:
    """Return how wide the terminal is, at most 100 and at least 40 columns."""
    text = os.environ.get("COLUMNS", "")
    try:
        width = int(text) if text.isdecimal() else os.get_terminal_size().columns
    except OSError:
        width = 80
    return min(max(width, 40), 100)


def _hint(word: str, choices: list[str]) -> str:
    """Return the words nearest to `word`, or the list to choose from."""
    matches = nearest(word, choices)
    if matches:
        return f" (did you mean {' or '.join(map(repr, matches))}?)"
    return f" (choose from {', '.join(map(repr, choices))})"


def _order(argument: Arg) -> tuple[bool, str]:
    """Positionals in the order they were declared in, then options by their long name."""
    return (False, "") if argument.is_positional else (True, argument.flags[-1])


def faults_of(command: CLICommand, above: str = "") -> Iterator[str]:
    """Yield what keeps a command, or one of a group, from being helped or run, a line each.

    Raises as argparse does where no parser can be made of it.
    """
    path = f"{above} {command.name}".strip()
    Parser(prog=path, command=command).format_help()
    if isinstance(command, GroupCommand):
        for child in command.subcommands:
            yield from faults_of(child, path)
    else:
        for arg in command.args:
            yield from _faults_of(arg, path)


def _faults_of(arg: Arg, path: str) -> Iterator[str]:
    taken = PROGRAM_OPTIONS & {*arg.flags}
    if taken:
        yield (
            f"the command {path!r} has the option {', '.join(sorted(taken))}, which airflow-lite "
            "takes for itself. Give it another name"
        )
    if arg.dest.startswith("_"):
        yield (
            f"the command {path!r} has an argument that is kept as {arg.dest!r}. Names that begin "
            "with an underscore are airflow-lite's own"
        )

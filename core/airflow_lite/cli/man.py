"""Man pages, made from the command specs while a wheel is built.

Needs argparse-manpage beside the standard library, and is not imported at run time.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

from argparse_manpage.manpage import Manpage, _ManpageFormatter

from airflow_lite.api.commands.parser import Parser, expand_help
from airflow_lite.api.commands.spec import HELP, GroupCommand
from airflow_lite.cli.core_commands import CORE_COMMANDS, all_commands, load
from airflow_lite.cli.options import GLOBAL
from airflow_lite.cli.program import PROGRAM

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_lite.api.commands.spec import CLICommand

MANUAL = "airflow-lite manual"
#: argparse-manpage writes the hyphens of the title's date as minus signs, which is no date.
_ESCAPED_DATE = re.compile(r"(\d{4})\\-(\d\d)\\-(\d\d)")


class _PageParser(Parser):
    """A parser whose text is as wide on every machine, for pages that can be reproduced."""

    def _get_formatter(self) -> argparse.HelpFormatter:
        return self._formatter(78)


def write_pages(groups: Iterable[CLICommand], folder: Path, version: str) -> list[Path]:
    """Write a page `airflow-lite-GROUP.1` for each group; return the files, by name."""
    parsers = [
        _PageParser(prog=f"{PROGRAM} {group.name}", command=group)
        for group in groups
        if isinstance(group, GroupCommand)
    ]
    return sorted(_write(parser.all_filled(), folder, version) for parser in parsers)


def write_core_pages(folder: Path, version: str) -> list[Path]:
    """Write `airflow-lite.1`, and a page for each of the core's groups; return the files."""
    return [_write(_program(), folder, version), *write_pages(all_commands(), folder, version)]


def _program() -> _PageParser:
    """Return the parser of the program itself, with the commands that are no groups in full."""
    parser = _PageParser(
        prog=PROGRAM,
        description="Run workflows in Airflow's way, from one light process.",
        epilog="Each group has a page of its own, such as airflow-lite-dags(1). Plugins bring"
        " further groups: see `airflow-lite --help`.",
    )
    for option in GLOBAL:
        if option is not HELP:  # argparse's own
            option.add_to_parser(parser)
    commands = parser.add_subparsers(metavar="COMMAND", title="Commands", prog=PROGRAM)
    for entry in CORE_COMMANDS:
        commands.add_parser(entry.name, help=entry.help, description=entry.help)
        if not entry.is_group:
            command = _PageParser(prog=f"{PROGRAM} {entry.name}", command=load(entry))
            commands.choices[entry.name] = command.all_filled()
        else:
            del commands.choices[entry.name]  # listed here, described on the group's own page
    return parser


def _date() -> str:
    """Return the day, in UTC whatever the machine's zone: that of SOURCE_DATE_EPOCH, or today."""
    return time.strftime(
        "%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    )


def _write(parser: Parser, folder: Path, version: str) -> Path:
    data: dict[str, Any] = {
        "project_name": PROGRAM,
        "version": version,
        "manual_title": MANUAL,
        "date": _date(),
        "description": (parser.description or "").split("\n")[0],
    }
    page = Manpage(parser, data)
    page.mf = _Formatter(page.prog, page.formatter, format="pretty")
    page.prog = parser.prog.replace(" ", "-")  # a page's name has no blank
    path = folder / f"{page.prog}.1"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(_ESCAPED_DATE.sub(r"\1-\2-\3", str(page), count=1), encoding="utf-8")
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        os.utime(path, (int(epoch), int(epoch)))
    return path


#: Signs that troff would show as others.
_ESCAPES = str.maketrans(
    {"\\": r"\\", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def roff(text: str) -> str:
    """Return text as troff shows it: each line as a line of its own, none of them a request."""
    first, *lines = [_line(line) for line in text.strip("\n").split("\n")]
    for line in lines:
        first += f"\n{line}" if line == _BLANK or first.endswith(_BLANK) else f"\n.br\n{line}"
    return first


_BLANK = ".sp"


def _line(line: str) -> str:
    if not line.strip():
        return _BLANK
    shown = line.translate(_ESCAPES)
    return rf"\&{shown}" if shown.startswith(".") else shown


class _Formatter(_ManpageFormatter):  # type: ignore[misc]
    """Knows what a description, a help text and the epilog of a command are."""

    def _expand_help(self, action: argparse.Action) -> str:
        return expand_help(self, action)

    @staticmethod
    def format_text(text: str) -> str:
        return roff(text)

    def _format_ag_subcommands(self, actions: Any, prog: str) -> Any:
        for action in actions:
            action.help = self._expand_help(action)
        return super()._format_ag_subcommands(actions, prog)

    def _format_parser(self, parser: Any, subcommand: Any = None, *args: Any, **kwargs: Any) -> Any:
        lines = super()._format_parser(parser, subcommand, *args, **kwargs)
        if subcommand and parser.epilog:  # that of the page itself is among its comments
            lines += ["", ".PP", self.format_text(self.of._format_text(parser.epilog))]  # noqa: SLF001
        return lines

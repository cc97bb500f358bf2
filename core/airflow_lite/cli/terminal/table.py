"""Rows on a terminal: as many columns as fit it, no id and no date broken, states in colour."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from textwrap import wrap

from rich.box import ASCII_DOUBLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_lite.terminal import raw

Row = dict[str, str]

_BETWEEN = 3
#: Columns of prose are wrapped to no less than this, nor within a word that is no longer than that.
_LEAST_PROSE, _LONGEST_WORD = 20, 40
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)\.\d+([+-]\d\d:\d\d)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.+-]+")
#: Dates that name a run in other commands: shown to the microsecond.
_EXACT = {"execution_date", "logical_date"}
_STATE_COLUMNS = {"state", "from", "to"}
_COLOURS = {
    **dict.fromkeys(("success", "ready"), "green"),
    **dict.fromkeys(("running", "restarting"), "bright_green"),
    **dict.fromkeys(("failed", "quarantined"), "red"),
    "upstream_failed": "bright_red",
    "up_for_retry": "yellow",
    "up_for_reschedule": "cyan",
    "deferred": "magenta",
    "skipped": "bright_magenta",
    **dict.fromkeys(("queued", "scheduled"), "blue"),
}


def print_rows(rows: Sequence[Row], shown: Sequence[str] = (), wide: Sequence[str] = ()) -> None:
    """Print rows of the same keys: the columns of `shown`, and those of `wide` that fit as well.

    Columns that are empty are left out. One row is shown whole, a field a line; so are more where
    the terminal is too narrow for a table.
    """
    if len(rows) == 1:
        print_fields(rows)
        return
    filled = [[name for name in names if any(row[name] for row in rows)] for names in (shown, wide)]
    if not shown:
        filled[0] = [name for name in rows[0] if any(row[name] for row in rows)]
    _print_fitting(rows, *filled, keep=False)


def print_chosen(rows: Sequence[Row]) -> None:
    """Print rows of the same keys with every column, empty or not: the user chose them."""
    if len(rows) == 1:
        print_fields(rows, keep=True)
    else:
        _print_fitting(rows, list(rows[0]), [], keep=True)


def print_fields(rows: Sequence[Row], names: Sequence[str] = (), *, keep: bool = False) -> None:
    """Print rows one below another, a field a line; empty ones only with `keep`."""
    console = _console()
    names = names or list(rows[0])
    indent = max(map(len, names)) + 2
    for number, row in enumerate(rows):
        if number:
            console.print()
        for name in names:
            if row[name] or keep:
                text = _wrapped(_short(name, row[name]), console.width - indent, indent)
                label = (name.ljust(indent), "bold")
                console.print(Text.assemble(label, _styled(name, text)), soft_wrap=True)


def _console() -> Console:
    return Console(
        file=raw(sys.stdout),
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def _print_fitting(rows: Sequence[Row], names: list[str], wide: list[str], *, keep: bool) -> None:
    short = [{name: _short(name, row[name]) for name in (*names, *wide)} for row in rows]
    console = _console()
    columns = {name: [row[name] for row in short] for name in (*names, *wide)}
    widths = _widths(columns, len(names), console.width)
    if widths is None:
        print_fields(rows, names, keep=keep)
    else:
        _print_table(console, short, widths)


def _short(name: str, text: str) -> str:
    """Return a moment without the fraction of its second, unless that is part of a run's name."""
    match = None if name in _EXACT else _MOMENT.fullmatch(text)
    return f"{match[1]}{match[2] or ''}" if match else text


def _is_prose(text: str) -> bool:
    return any(letter.isspace() for letter in text.strip()) and not _DATE.fullmatch(text)


def _widths(columns: dict[str, list[str]], needed: int, most: int) -> dict[str, int] | None:
    """Return the widths of the columns that fit; None where the first, `needed`, do not."""
    full = {name: max(map(_width, (name, *texts))) for name, texts in columns.items()}
    least = {name: min(full[name], _least(name, texts)) for name, texts in columns.items()}
    while sum(least.values()) + _BETWEEN * (len(least) - 1) > most:
        if len(least) <= needed:
            return None
        least.popitem()
    return _grown(least, full, most - _BETWEEN * (len(least) - 1))


def _width(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)


def _least(name: str, texts: Sequence[str]) -> int:
    """Return how narrow a column may be: prose is wrapped between words, all else is not."""
    prose = any(_is_prose(text) for text in texts)
    if not prose:
        return max(map(cell_len, (name, *texts)))
    words = [word for text in texts for word in text.split()]
    longest = min(max(map(cell_len, words)), _LONGEST_WORD)
    return max(cell_len(name), longest, _LEAST_PROSE)


def _grown(least: dict[str, int], full: dict[str, int], most: int) -> dict[str, int]:
    """Return the widths with the room that is left given to the columns that want it."""
    widths, room = dict(least), most - sum(least.values())
    wanting = sorted(widths, key=lambda name: full[name] - widths[name])
    for number, name in enumerate(wanting):
        more = min(full[name] - widths[name], room // (len(wanting) - number))
        widths[name] += more
        room -= more
    return widths


def _print_table(console: Console, rows: Sequence[Row], widths: dict[str, int]) -> None:
    table = Table(box=ASCII_DOUBLE_HEAD, show_edge=False, pad_edge=False)
    for name, width in widths.items():
        table.add_column(name, overflow="fold", width=width)
    for row in rows:
        table.add_row(*(_styled(name, row[name]) for name in widths))
    console.print(table)


def _styled(name: str, text: str) -> Text:
    return Text(text, _COLOURS.get(text, "") if name in _STATE_COLUMNS else "")


def _wrapped(text: str, room: int, indent: int) -> str:
    """Return the lines of a text below one another, prose wrapped between words."""
    lines = [
        line
        for long in text.splitlines()
        for line in (_wrapped_line(long, max(room, _LEAST_PROSE)) if _is_prose(long) else [long])
    ]
    return f"\n{' ' * indent}".join(lines)


def _wrapped_line(line: str, room: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    return wrap(
        line, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )

"""Listings: `-o table`, `json`, `yaml` or `plain`, with the columns that are asked for.

JSON, YAML and plain have every column, for programs; a table has those that people look for, and
`terminal.table` fits it to the terminal. Piped, a table has a line a row, however long.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from airflow_lite.errors import UserError
from airflow_lite.terminal import printable

NOTHING = "No data found"
FORMATS = ("table", "json", "yaml", "plain")
DATA_FORMATS = ("json", "yaml")

Row = dict[str, Any]


class Cell(NamedTuple):
    """A value that is more than people look for: `value` is in JSON and YAML, `text` elsewhere."""

    value: Any
    text: str


def print_rows(
    rows: Sequence[Row],
    output: str = "table",
    *,
    columns: Sequence[str] | None = None,
    shown: Sequence[str] = (),
    wide: Sequence[str] = (),
) -> None:
    """Print rows that have the same keys.

    `columns` are those that the user asked for. Where they asked for none, a table has those of
    `shown` (by default all), and those of `wide` for which the terminal has room. A single row is
    shown whole on a terminal, one field a line. `output` is one of `FORMATS`; raises ValueError
    for another, and `UserError` where there is none of `columns`.
    """
    _check_format(output)
    if rows and columns is not None:
        names = known_columns(columns, list(rows[0]))
        rows = [{name: row[name] for name in names} for row in rows]
    if output in DATA_FORMATS:
        _print_data([{name: _data(value) for name, value in row.items()} for row in rows], output)
    elif not rows:
        print(NOTHING)
    elif output == "table" and sys.stdout.isatty():
        from airflow_lite.cli.terminal import table

        texts = [_texts(row) for row in rows]
        if columns is not None:
            table.print_chosen(texts)
        else:
            table.print_rows(texts, shown, wide)
    else:
        if output == "table" and columns is None and shown:
            rows = [{name: row[name] for name in (*shown, *wide)} for row in rows]
        _print_lines([{name: _text(value) for name, value in row.items()} for row in rows], output)


def print_fields(
    items: Sequence[Row],
    output: str = "table",
    *,
    columns: Sequence[str] | None = None,
    titles: tuple[str, str] = ("key", "value"),
) -> None:
    """Print things of many fields: a field a line where people read it, else as `print_rows`."""
    _check_format(output)
    if output in DATA_FORMATS or not items:
        print_rows(items, output, columns=columns)
        return
    for number, item in enumerate(items):
        if number:
            print()
        names = list(item) if columns is None else known_columns(columns, list(item))
        if not names:
            print(NOTHING)
        elif output == "table" and sys.stdout.isatty():
            from airflow_lite.cli.terminal import table

            texts = _texts({name: item[name] for name in names})
            table.print_fields([texts], keep=columns is not None)
        else:
            rows = [dict(zip(titles, (name, _text(item[name])), strict=True)) for name in names]
            _print_lines(rows, output)


def _check_format(output: str) -> None:
    if output not in FORMATS:
        raise ValueError(f"{output!r} is not a format of a listing. Use {', '.join(FORMATS)}.")


def known_columns(columns: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the columns that there are; name the others on stderr, as Airflow does.

    Raises `UserError` where there is none of them.
    """
    wrong = [name for name in columns if name not in known]
    if len(wrong) == len(columns):
        raise UserError(f"There is no column {','.join(wrong)[:200]!r}. There are: {_list(known)}.")
    if wrong:
        line = f"Error: Ignoring the following invalid columns: {wrong}."
        print(f"{line} List of valid columns: {_list(known)}", file=sys.stderr)
    return [name for name in columns if name in known]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _print_data(rows: list[Row], output: str) -> None:
    if output == "json":
        print(json.dumps(rows))
        return
    import yaml

    print(yaml.safe_dump(rows, allow_unicode=True), end="")


def _data(value: Any) -> Any:
    """Return a value as JSON and YAML have it: what they have no type for as text."""
    if isinstance(value, Cell):
        return _data(value.value)
    if isinstance(value, list | tuple):
        return [_data(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _data(inner) for name, inner in value.items()}
    is_number = type(value) in {int, bool} or (type(value) is float and math.isfinite(value))
    return value if value is None or is_number else str(value)


def _texts(row: Row) -> dict[str, str]:
    """Return what a terminal shows: nothing for what is empty."""
    return {
        name: "" if value in (None, [], {}, ()) else printable(_text(value))
        for name, value in row.items()
    }


def _text(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, Cell):
        return value.text
    if isinstance(value, list | tuple):
        return ",".join(_text(item) for item in value)
    return json.dumps(_data(value)) if isinstance(value, dict) else str(value)


def _print_lines(rows: list[dict[str, str]], output: str) -> None:
    """Print a line a row, whatever the values hold: it is for a pipe."""
    rows = [{name: printable(" ".join(text.split())) for name, text in row.items()} for row in rows]
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]]
    between = "  " if output == "plain" else " | "
    header, *lines = [
        between.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in (list(rows[0]), *(row.values() for row in rows))
    ]
    rule = [] if output == "plain" else ["=+=".join("=" * width for width in widths)]
    print("\n".join([header, *rule, *lines]))

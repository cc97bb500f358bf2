"""Listings as Airflow prints them: `-o table`, `json`, `yaml` or `plain`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

NOTHING = "No data found"
FORMATS = ("table", "json", "yaml", "plain")


def print_rows(rows: Sequence[dict[str, Any]], output: str = "table") -> None:
    """Print rows that have the same keys; values are shown as text, as Airflow does.

    `output` is one of `FORMATS`; raises ValueError for another.
    """
    if output not in FORMATS:
        raise ValueError(f"{output!r} is not a format of a listing. Use {', '.join(FORMATS)}.")
    texts = [{key: _as_text(value, output) for key, value in row.items()} for row in rows]
    if output == "json":
        print(json.dumps(texts))
    elif output == "yaml":
        import yaml

        print(yaml.safe_dump(texts, allow_unicode=True), end="")
    elif not texts:
        print(NOTHING)
    elif output == "plain":
        print("\n".join(_aligned(texts, "  ")))
    elif sys.stdout.isatty():
        _print_rich(texts)
    else:
        header, *lines = _aligned(texts, " | ")
        print("\n".join([header, "=+=".join("=" * width for width in _widths(texts)), *lines]))


def _as_text(value: Any, output: str) -> Any:
    """Return a value as it is listed: scalars as text, None as it is, lists joined in a table."""
    if isinstance(value, list | tuple):
        texts = [_as_text(item, output) for item in value]
        return ",".join(map(str, texts)) if output == "table" else texts
    if isinstance(value, dict) and output != "table":
        return {key: _as_text(item, output) for key, item in value.items()}
    return None if value is None else str(value)


def _aligned(rows: list[dict[str, Any]], between: str) -> list[str]:
    widths = _widths(rows)
    lines = [list(rows[0]), *([_line(value) for value in row.values()] for row in rows)]
    return [
        between.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _widths(rows: list[dict[str, Any]]) -> list[int]:
    return [max(len(key), *(len(_line(row[key])) for row in rows)) for key in rows[0]]


def _line(value: Any) -> str:
    """Return a value on one line, whatever it holds: a table that is piped has a row a line."""
    return " ".join(str(value).split())


def _print_rich(rows: list[dict[str, Any]]) -> None:
    from rich.box import ASCII_DOUBLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ASCII_DOUBLE_HEAD, show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row.values()))
    Console().print(table)

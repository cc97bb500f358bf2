"""A row as a line of an export: a JSON array of its values, in the order of the table's columns.

Both ways each value is held to what its column takes on every database. SQLite stores whatever it
is given: what only PostgreSQL would refuse is told here, with the row and the column.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: Returns what is wrong with a value, in a few words; None: nothing is.
    Check = Callable[[Any], str | None]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
#: Characters of a value that a message shows.
_SHOWN = 60


class RowError(ValueError):
    """A row cannot be moved. Its message says which value is wrong, and why."""


class RowFormat:
    """The columns of a table, and how its rows are written and read."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        self.columns = [column.name for column in table.columns]
        self._checks = [_check_of(column) for column in table.columns]
        self._binary = [
            at for at, c in enumerate(table.columns) if isinstance(c.type, sa.LargeBinary)
        ]

    def to_line(self, row: Iterable[Any]) -> bytes:
        """Return a row of the store as a line. Raises `RowError`."""
        values = list(row)
        for at in self._binary:
            if isinstance(values[at], bytes):
                values[at] = base64.b64encode(values[at]).decode()
        self._check(values)
        return _encode(values).encode() + b"\n"

    def to_row(self, line: bytes) -> dict[str, Any]:
        """Return a line as a row for the store. Raises `RowError`."""
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            raise RowError("it is no JSON") from None
        if not isinstance(values, list) or len(values) != len(self.columns):
            raise RowError(f"it is no array of {len(self.columns)} values")
        self._check(values)
        for at in self._binary:
            if values[at] is not None:
                values[at] = base64.b64decode(values[at])
        return dict(zip(self.columns, values, strict=True))

    def _check(self, values: list[Any]) -> None:
        for check, value in zip(self._checks, values, strict=True):
            if check(value) is not None:
                break
        else:
            return
        faults = [check(value) for check, value in zip(self._checks, values, strict=True)]
        (name, fault), *_ = [pair for pair in zip(self.columns, faults, strict=True) if pair[1]]
        raise RowError(f"in the row with {self._key(values)} the column {name} {fault}")

    def _key(self, values: list[Any]) -> str:
        of = dict(zip(self.columns, values, strict=True))
        names = [column.name for column in self.table.primary_key.columns]
        return ", ".join(f"{name} {str(of[name])[:_SHOWN]!r}" for name in names)


def _check_of(column: sa.Column[Any]) -> Check:
    of_type = _check_of_type(column.type)
    if column.nullable:
        return lambda value: None if value is None else of_type(value)
    return lambda value: "is empty" if value is None else of_type(value)


def _check_of_type(kind: Any) -> Check:
    if isinstance(kind, sa.Boolean):
        return lambda value: None if isinstance(value, bool) else "is neither true nor false"
    if isinstance(kind, sa.Integer):
        return _within(63 if isinstance(kind, sa.BigInteger) else 31)
    if isinstance(kind, sa.LargeBinary):
        return _base64
    assert isinstance(kind, sa.String), kind
    return _text(kind.length)


def _within(bits: int) -> Check:
    least, most = -(1 << bits), (1 << bits) - 1

    def check(value: Any) -> str | None:
        if type(value) is not int:
            return f"is {str(value)[:_SHOWN]!r}, which is no whole number"
        return None if least <= value <= most else f"is {value}, which is out of range"

    return check


def _text(length: int | None) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"is {str(value)[:_SHOWN]!r}, which is no text"
        if length is not None and len(value) > length:
            return f"has {len(value)} characters, and may have {length}"
        if "\0" in value:
            return "has a NUL character"
        return None if value.isascii() or _is_utf8(value) else "is no UTF-8"

    return check


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _base64(value: Any) -> str | None:
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return "is not written in base64"
    return None

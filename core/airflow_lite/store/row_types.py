"""What the rows of a query hold. SQLite takes any value into any column."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The largest integer, of those that are no id and no moment, that every database holds.
_LARGEST = 2**31 - 1


class Shape:
    """The types of a query's columns, against which its rows are checked."""

    def __init__(self, query: sa.Select[Any]) -> None:
        self._columns = tuple(query.selected_columns)
        self._counts = [at for at, column in enumerate(self._columns) if _is_count(column)]
        # Nearly every row has one of a few combinations of types.
        self._misfit = lru_cache(maxsize=256)(self._find_misfit)

    def check(self, row: Sequence[Any]) -> None:
        """Raise ValueError, with the column and its value, where a value has another type."""
        at = self._misfit(tuple(map(type, row)))
        if at is None:
            at = next((at for at in self._counts if abs(row[at]) > _LARGEST), None)
        if at is not None:
            name = self._columns[at].name
            raise ValueError(f"its row in the database has {name} = {row[at]!r:.100}")

    def _find_misfit(self, types: tuple[type, ...]) -> int | None:
        every = enumerate(zip(self._columns, types, strict=True))
        return next((at for at, (column, kind) in every if not _fits(column, kind)), None)


def _is_count(column: sa.ColumnElement[Any]) -> bool:
    kind = column.type
    is_small = isinstance(kind, sa.Integer) and not isinstance(kind, sa.BigInteger)
    return is_small and not getattr(column, "nullable", True)


def _fits(column: sa.ColumnElement[Any], kind: type) -> bool:
    if kind is type(None):
        return bool(getattr(column, "nullable", True))  # an expression has none
    return kind is column.type.python_type


def texts_of(document: object) -> tuple[str, ...]:
    """Return the texts of a JSON list; raise ValueError where the document is no such list."""
    try:
        texts = json.loads(document)  # type: ignore[arg-type]  # SQLite may have anything there
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"no JSON list of texts: {document!r:.100}")
    return tuple(texts)

"""What the rows of a query hold. SQLite takes any value into any column."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

#: The largest integer, of those that are no id and no moment, that every database holds.
_LARGEST = 2**31 - 1


class ColumnType(NamedTuple):
    """What a column of a query holds; a count is a number that is neither an id nor a moment."""

    name: str
    kind: type
    is_nullable: bool = False
    is_count: bool = False

    @classmethod
    def of(cls, column: sa.ColumnElement[Any]) -> ColumnType:
        """Return that of a column of the schema; an expression may be null."""
        import sqlalchemy as sa

        is_small = isinstance(column.type, sa.Integer) and not isinstance(
            column.type, sa.BigInteger
        )
        is_nullable = bool(getattr(column, "nullable", True))
        return cls(
            str(column.name), column.type.python_type, is_nullable, is_small and not is_nullable
        )

    def fits(self, kind: type) -> bool:
        """Tell whether a value of this type may stand in it."""
        return self.is_nullable if kind is type(None) else kind is self.kind


class Shape:
    """The types of a query's columns, against which its rows are checked."""

    def __init__(self, columns: Sequence[ColumnType]) -> None:
        self._columns = tuple(columns)
        self._counts = [at for at, column in enumerate(self._columns) if column.is_count]
        # Nearly every row has one of a few combinations of types.
        self._misfit = lru_cache(maxsize=256)(self._find_misfit)

    @classmethod
    def of(cls, query: sa.Select[Any]) -> Shape:
        """Return that of a query."""
        return cls([ColumnType.of(column) for column in query.selected_columns])

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
        return next((at for at, (column, kind) in every if not column.fits(kind)), None)


def texts_of(document: object) -> tuple[str, ...]:
    """Return the texts of a JSON list; raise ValueError where the document is no such list."""
    try:
        texts = json.loads(document)  # type: ignore[arg-type]  # SQLite may have anything there
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"no JSON list of texts: {document!r:.100}")
    return tuple(texts)

"""A page of the rows of a query, with how many rows there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Sequence


class Window(NamedTuple):
    """Which of the rows a page has: so many at most, from a place on."""

    limit: int
    offset: int = 0


class Page(NamedTuple):
    """The rows of a page, and how many there are in all."""

    rows: Sequence[dict[str, Any]]
    total: int | None = None


class Range(NamedTuple):
    """The least and the largest value that a column may have; None: any."""

    least: float | None = None
    most: float | None = None


def page(
    connection: sa.Connection,
    query: sa.Select[Any],
    window: Window,
    order: Sequence[sa.ColumnElement[Any]],
) -> Page:
    """Return a page of a query's rows in this order, by two statements."""
    total = _count(connection, query)
    rows = query.order_by(*order).offset(window.offset).limit(window.limit)
    return Page([dict(row) for row in connection.execute(rows).mappings()], total)


def page_by_id(
    connection: sa.Connection,
    query: sa.Select[Any],
    table: sa.Table,
    window: Window,
    order: Sequence[sa.ColumnElement[Any]],
) -> Page:
    """Return a page as `page` does, of a query of one table alone that has ids.

    These are sorted first: an index may have all that it takes, where the rows are many and wide.
    """
    total = _count(connection, query)
    ids = query.with_only_columns(table.c.id).order_by(*order)
    chosen = ids.offset(window.offset).limit(window.limit).subquery()
    rows = sa.select(table).join(chosen, chosen.c.id == table.c.id).order_by(*order)
    return Page([dict(row) for row in connection.execute(rows).mappings()], total)


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    counted = query.with_only_columns(sa.literal(1).label("one"), maintain_column_froms=True)
    total = connection.execute(sa.select(sa.func.count()).select_from(counted.subquery())).scalar()
    return total or 0


def first(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, Any] | None:
    """Return the first row of a query; None if there is none."""
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def within(
    query: sa.Select[Any], column: sa.ColumnElement[Any], bounds: Range | None
) -> sa.Select[Any]:
    """Return the query for the rows whose column is in the range."""
    return query if bounds is None else query.where(between(column, bounds))


def between(column: sa.ColumnElement[Any], bounds: Range) -> sa.ColumnElement[bool]:
    """Return the condition that a value is in the range."""
    least, most = bounds
    conditions = [] if least is None else [column >= least]
    conditions += [] if most is None else [column <= most]
    return sa.and_(sa.true(), *conditions)


def any_of(
    query: sa.Select[Any], column: sa.ColumnElement[Any], values: Sequence[Any] | None
) -> sa.Select[Any]:
    """Return the query for the rows whose column is one of these, None among them; None: any."""
    if values is None:
        return query
    is_one = column.in_([value for value in values if value is not None])
    return query.where(sa.or_(is_one, column.is_(None)) if None in values else is_one)


def ordered(
    columns: dict[str, sa.ColumnElement[Any]], name: str, last: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[Any]]:
    """Return the order by one of these columns, `-name` the largest first; then by `last`.

    Raises `KeyError` for a name that is none of them.
    """
    column = columns[name.removeprefix("-")]
    descends = name.startswith("-")
    return [each.desc() if descends else each.asc() for each in (column, last)]

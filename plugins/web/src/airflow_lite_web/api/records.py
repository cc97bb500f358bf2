"""What is answered, as tables: a record has fields, a listing has records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_web.api.problems import BadRequest
from airflow_lite_web.api.types import BOOLEAN, INTEGER, MOMENT, TEXT, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_lite.store.rest.paging import Page

    #: A row of the store, or what a call made of one.
    Row = Mapping[str, Any]


class Field(NamedTuple):
    """One field of a record: `of` is the row's column, or makes the value of the row."""

    type: Type
    of: str | Callable[[Any], Any] | None = None
    is_nullable: bool = True
    record: Record | None = None  # that its type refers to

    def value(self, name: str, row: Row) -> Any:
        """Return what the answer has for a row."""
        value = self.of(row) if callable(self.of) else row[self.of or name]
        return None if value is None else self.type.dump(value)

    @property
    def schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""
        schema = self.type.schema
        if not self.is_nullable:
            return schema
        # Beside a reference nothing else counts.
        return {"nullable": True, **({"allOf": [schema]} if "$ref" in schema else schema)}


def text(of: str | Callable[[Any], Any] | None = None, *, is_nullable: bool = True) -> Field:
    """Return a field that is a text."""
    return Field(TEXT, of, is_nullable)


def moment(of: str | Callable[[Any], Any]) -> Field:
    """Return a field that is a moment, of microseconds since 1970."""
    return Field(MOMENT, of)


def number(of: str | Callable[[Any], Any] | None = None) -> Field:
    """Return a field that is a whole number."""
    return Field(INTEGER, of)


def flag(of: str | Callable[[Any], Any] | None = None) -> Field:
    """Return a field that is true or false."""
    return Field(BOOLEAN, of)


def always(kind: Type, value: Any = None) -> Field:
    """Return a field that is the same for every row: what airflow-lite has nothing of."""
    return Field(kind, lambda _: value, is_nullable=value is None)


@dataclass(frozen=True)
class Record:
    """What one of a resource is answered as."""

    name: str
    fields: Mapping[str, Field]

    def dump(self, row: Row, only: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the answer for a row, with `only` these fields, which were checked."""
        names = self.fields if only is None else only
        return {name: self.fields[name].value(name, row) for name in names}

    def check(self, only: Sequence[str]) -> None:
        """Raise `BadRequest` where one of these is no field."""
        if unknown := [name for name in only if name not in self.fields]:
            raise BadRequest(f"{self.name} has no field {unknown[0][:60]!r}.")

    @property
    def schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""
        properties = {name: each.schema for name, each in self.fields.items()}
        return {"type": "object", "properties": properties}

    @property
    def parts(self) -> tuple[Record, ...]:
        """The records that its schema refers to."""
        return tuple(each.record for each in self.fields.values() if each.record is not None)


def nested(record: Record, of: str | Callable[[Any], Any] | None = None) -> Field:
    """Return a field that is a record of its own."""
    kind = Type(reference(record.name), unread, unread, record.dump)
    return Field(kind, of, record=record)


def nested_list(record: Record, of: str | Callable[[Any], Any] | None = None) -> Field:
    """Return a field that is a list of records."""
    schema = {"type": "array", "items": reference(record.name)}
    kind = Type(schema, unread, unread, lambda rows: [record.dump(row) for row in rows])
    return Field(kind, of, record=record)


def reference(name: str) -> dict[str, str]:
    """Return what refers to a schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def unread(value: Any) -> Any:
    """Refuse what is only ever answered."""
    raise ValueError(f"{value!r:.60} cannot be given")


@dataclass(frozen=True)
class Listing:
    """Many of a resource under one name; with their number, where they come in pages."""

    name: str
    key: str
    record: Record
    has_total: bool = True

    def dump(self, page: Page, only: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the answer for a page of rows, with `only` these fields of each."""
        answer: dict[str, Any] = {self.key: [self.record.dump(row, only) for row in page.rows]}
        return {**answer, "total_entries": page.total} if self.has_total else answer

    def check(self, only: Sequence[str]) -> None:
        """Raise `BadRequest` where one of these is no field of its records."""
        self.record.check(only)

    @property
    def schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""
        rows = {"type": "array", "items": reference(self.record.name)}
        total = {"total_entries": {"type": "integer"}} if self.has_total else {}
        return {"type": "object", "properties": {self.key: rows, **total}}

    @property
    def parts(self) -> tuple[Record, ...]:
        """The records that its schema refers to."""
        return (self.record,)


class Shaped(NamedTuple):
    """An answer that is not of the usual shape."""

    shape: Record | Listing
    result: Any

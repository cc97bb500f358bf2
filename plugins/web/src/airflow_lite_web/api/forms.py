"""What a request's body may hold, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite_web.api.problems import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_lite_web.api.types import Type


class Input(NamedTuple):
    """One field of a form; where it is not given the form has its `default`, if it has one."""

    type: Type
    default: Any = None
    is_required: bool = False
    is_nullable: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""
        more = {} if self.default is None else {"default": self.default}
        more |= {"nullable": True} if self.is_nullable else {}
        return {**self.type.schema, **more}


@dataclass(frozen=True)
class Form:
    """The object that a body is; `read_only` are fields that only answers have."""

    name: str
    fields: Mapping[str, Input]
    read_only: frozenset[str] = frozenset()

    def load(self, body: Any) -> dict[str, Any]:
        """Return what was given and the defaults of the rest; raise `BadRequest`."""
        if not isinstance(body, dict):
            raise BadRequest("The body is not a JSON object. Send one.")
        for name in body:
            if name in self.read_only:
                raise BadRequest(f"{name!r} is read-only. Leave it out.")
            if name not in self.fields:
                raise BadRequest(f"{str(name)[:60]!r} is not a field that can be given.")
        rest = {name: each for name, each in self.fields.items() if name not in body}
        if missing := [name for name, each in rest.items() if each.is_required]:
            raise BadRequest(f"{missing[0]!r} is missing. Give it.")
        given = {name: self._load(name, value) for name, value in body.items()}
        defaults = {name: each.default for name, each in rest.items() if each.default is not None}
        return defaults | given

    def _load(self, name: str, value: Any) -> Any:
        field = self.fields[name]
        if value is None and field.is_nullable:
            return None
        try:
            return field.type.load(value)
        except ValueError as error:
            raise BadRequest(f"{name!r} {error}.") from None

    @property
    def schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""
        required = [name for name, each in self.fields.items() if each.is_required]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: each.schema for name, each in self.fields.items()},
            "additionalProperties": False,
        }
        return {**schema, "required": required} if required else schema


def masked(
    body: Mapping[str, Any], mask: Sequence[str] | None, known: Iterable[str]
) -> dict[str, Any]:
    """Return what of a body is to be changed: all that it has, or what `update_mask` names.

    Raises `BadRequest` where the mask names what cannot be changed, or what the body has not.
    """
    if mask is None:
        return dict(body)
    if unknown := set(mask).difference(known):
        raise BadRequest(f"update_mask names {min(unknown)[:60]!r}, which cannot be changed.")
    if absent := [name for name in mask if name not in body]:
        raise BadRequest(f"update_mask names {absent[0]!r}, which the body has not.")
    return {name: body[name] for name in mask}

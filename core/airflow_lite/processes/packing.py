"""Messages between processes: each a NamedTuple, on its way a JSON list that begins with its name.

What comes from a process that runs user code may be anything: what is no message is logged and
ignored, and of kinds that are checked the fields are looked at.
"""

from __future__ import annotations

import logging
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_lite.processes.channel import Channel

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=tuple[Any, ...])


class Kinds(Generic[M]):
    """The kinds of messages that one end may send: a NamedTuple, or a union of some."""

    def __init__(self, kinds: Any, *, is_checked: bool = False) -> None:
        self._by_name = {kind.__name__: kind for kind in get_args(kinds) or (kinds,)}
        self._is_checked = is_checked

    def read(self, name: str, fields: Any) -> M:
        """Return the message of that name; raise `TypeError` or `LookupError` if there is none."""
        message: M = _reader(self._by_name[name], is_checked=self._is_checked)(fields)
        return message


def packed(message: tuple[Any, ...]) -> list[Any]:
    """Return a message as a list for JSON, its name first."""
    return [type(message).__name__, *message]


def unpacked(parts: Any, kinds: Kinds[M]) -> M:
    """Return the message of `kinds` that was packed so; raise `ValueError` if there is none."""
    try:
        name, *fields = parts
        return kinds.read(name, fields)
    except (TypeError, LookupError, ValueError) as error:
        raise ValueError(f"no message: {parts!r:.100}") from error


def send(channel: Channel, message: tuple[Any, ...], fds: tuple[int, ...] = ()) -> None:
    """Send a message; `fds` are closed here once they are sent."""
    channel.send(packed(message), fds)


def send_all(channel: Channel, messages: Iterable[tuple[Any, ...]]) -> None:
    """Send messages that the peer shall find there at once."""
    channel.send_all(map(packed, messages))


def receive(channel: Channel, kinds: Kinds[M]) -> list[M]:
    """Return the messages that have come; what is none of `kinds` is logged and ignored."""
    messages = []
    for parts in channel.receive():
        try:
            messages.append(unpacked(parts, kinds))
        except ValueError as error:
            logger.warning("what another process sent is ignored: %s", error)
    return messages


@cache
def _reader(kind: Any, *, is_checked: bool) -> Callable[[list[Any]], Any]:
    """Return what makes a message of its fields; that raises `TypeError` if they do not fit."""
    hints = list(get_type_hints(kind).values())
    types = tuple(_runtime_type(hint) for hint in hints) if is_checked else None
    conversions = [
        (place, convert)
        for place, hint in enumerate(hints)
        if (convert := _conversion(hint, is_checked=is_checked)) is not None
    ]

    def read(fields: list[Any]) -> Any:
        if not isinstance(fields, list):
            raise TypeError(f"not the fields of {kind.__name__}")
        for place, convert in conversions:
            if place < len(fields) and fields[place] is not None:
                fields[place] = convert(fields[place])
        if types is not None and not all(map(isinstance, fields, types)):
            raise TypeError(f"not the fields of {kind.__name__}")
        return kind(*fields)

    return read


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _runtime_type(hint: Any) -> tuple[type, ...]:
    """Return what values that fit a hint are instances of, by `isinstance`."""
    if hint is Any:
        return (object,)
    plain = tuple(get_origin(kind) or kind for kind in _alternatives(hint))
    return (*plain, int) if float in plain else plain


def _conversion(hint: Any, *, is_checked: bool) -> Callable[[Any], Any] | None:
    """Return what makes the field's value of a JSON list; None where it is one already."""
    (kind,) = (kind for kind in _alternatives(hint) if kind is not NoneType)
    if hasattr(kind, "_fields"):
        return _reader(kind, is_checked=is_checked)
    return tuple if get_origin(kind) is tuple else None

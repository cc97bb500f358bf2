"""Which half of a hybrid executor an attempt goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Routes(NamedTuple):
    """The ways of a hybrid: `queues` maps a queue to the half that takes it, by name.

    Whatever is in none of them goes to `default`.
    """

    default: str
    names: tuple[str, ...]
    queues: Mapping[str, str]

    def half_of(self, queue: str | None, executor: str | None = None) -> str:
        """Return the name of the half for a queue, or `executor` if that names one."""
        if executor in self.names:
            return str(executor)
        return self.queues.get(queue or "", self.default)

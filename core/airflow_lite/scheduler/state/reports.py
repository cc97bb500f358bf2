"""What executors reported and is not acted upon yet: a pass that fails loses none of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow_lite.api.executor.events import Adopted, CallbackRequest, Event


class AskedCallback(NamedTuple):
    """A callback that an executor asked for, and when: one moment, however often it is written."""

    request: CallbackRequest
    asked_us: int


@dataclass
class OpenReports:
    """Reports by what is to be done about them, each in the order in which they came."""

    ended: dict[str, Event] = field(default_factory=dict)  # by token
    external: dict[str, str] = field(default_factory=dict)  # token -> what the engine calls it
    callbacks: list[AskedCallback] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    adoptions: list[Adopted] = field(default_factory=list)

    @property
    def are_any(self) -> bool:
        """Whether there is something to do."""
        return any((self.ended, self.external, self.callbacks, self.notes, self.adoptions))

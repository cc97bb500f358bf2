"""An installed distribution as its metadata describe it, before anything of it is imported.

Read for every `--help`, so there are no dataclasses: they take longer to import than all the rest.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, NamedTuple

from airflow_lite.errors import UserError

CORE = "airflow-lite"


class PluginError(UserError):
    """A plugin cannot be used. See `airflow-lite plugins list`."""


class PluginState(StrEnum):
    """Whether a distribution can be used."""

    READY = "ready"
    DISABLED = "disabled"
    CONFLICT = "conflict"
    STALE = "stale"
    BROKEN = "broken"
    WRONG_TYPE = "wrong type"
    NEEDS_ANOTHER_CORE = "needs another core"
    QUARANTINED = "quarantined"

    __str__ = str.__str__


class Entry(NamedTuple):
    """One line of an entry-point group: the name that users write, and where it leads."""

    name: str
    value: str


class Plugin(NamedTuple):
    """One distribution with an entry point in one of our groups.

    `requires` holds the normalised names of the distributions that it requires. A state other
    than READY comes with its reason and remedy.
    """

    distribution: str
    version: str
    summary: str = ""
    executors: tuple[Entry, ...] = ()
    groups: tuple[Entry, ...] = ()
    requires: tuple[str, ...] = ()
    location: str = ""
    authoring: tuple[Entry, ...] = ()
    timetables: tuple[Entry, ...] = ()
    secrets: tuple[Entry, ...] = ()
    state: PluginState = PluginState.READY
    reason: str = ""
    remedy: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All its entry points in our groups."""
        return self.executors + self.groups + self.authoring + self.timetables + self.secrets

    @property
    def title(self) -> str:
        """How messages name it: `name (version)`."""
        return f"{self.distribution} ({self.version})" if self.version else self.distribution

    @property
    def removal(self) -> str:
        """The end of a remedy: how to get rid of it."""
        return f"remove it with `pip uninstall {self.distribution}`."

    @property
    def is_core(self) -> bool:
        """Whether it is airflow-lite itself."""
        return self.distribution == CORE

    @property
    def is_ready(self) -> bool:
        """Whether it may be imported."""
        return self.state is PluginState.READY

    @property
    def is_wrong(self) -> bool:
        """Whether it cannot be used although the user did not disable it."""
        return self.state not in {PluginState.READY, PluginState.DISABLED}

    def in_state(self, state: PluginState, reason: str, remedy: str) -> Plugin:
        """Return the same distribution in another state, unless it is out of order already."""
        if not self.is_ready:
            return self
        return self._replace(state=state, reason=reason, remedy=remedy)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {**self._asdict(), "state": self.state.value}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Plugin:
        """Build from what `to_json` returned; raise `KeyError`, `TypeError` or `ValueError`."""
        pairs = {
            name: tuple(Entry(str(key), str(value)) for key, value in fields[name])
            for name in ("executors", "groups", "authoring", "timetables", "secrets")
        }
        requires = tuple(map(str, fields["requires"]))
        state = PluginState(fields["state"])
        return cls(**{**fields, **pairs, "requires": requires, "state": state})


def normalised(name: str) -> str:
    """Return a distribution's name as it is compared: lower case, runs of `-_.` as one `-`."""
    return re.sub(r"[-_.]+", "-", name).lower()

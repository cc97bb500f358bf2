"""What a scheduler knows of the others that use its store, and its own share of the DAGs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass
class Fellows:
    """The schedulers that share the DAGs."""

    #: Whether this one is the eldest: it parses the DAG files and deletes what is old.
    is_leader: bool = True
    _judges_from: float = 0.0

    def note_silence(self, silent_s: float, lease_s: float, now: float) -> None:
        """Take note for how long this scheduler itself has not beaten; `now` is monotonic.

        After an outage of the database, or when its machine was suspended, nobody has: the others
        get the time of a lease to beat before they are taken for dead.
        """
        if silent_s > lease_s:
            self._judges_from = now + lease_s

    def may_judge(self, now: float) -> bool:
        """Tell whether silence means that another one is dead."""
        return now >= self._judges_from


class Share(NamedTuple):
    """How many DAGs more a scheduler may take, and how many it is to let go."""

    room: int
    surplus: int


def share_of(mine: int, others: Collection[int], unowned: int, total: int) -> Share:
    """Return the share of one that owns `mine` of `total` DAGs, beside `others` that own so many.

    Nobody is to own more than an even share rounded up; nor more than one rounded down while
    another has less than that and too few have no owner.
    """
    schedulers = len(others) + 1
    least, most = total // schedulers, -(-total // schedulers)
    spare = unowned - sum(max(least - count, 0) for count in others)
    room = most - mine if mine < least else min(most - mine, spare)
    surplus = max(mine - most, min(mine - least, -spare))
    return Share(max(room, 0), max(surplus, 0))

"""What one pass of a task host writes: gathered, then committed at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_lite.store import attempts, xcoms

if TYPE_CHECKING:
    from airflow_lite.store.attempts import Claim, Ended, Returned, Started, Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.store.xcoms import XComValue


@dataclass
class WriteBatch:
    """Writes that wait for the next commit. What failed to commit stays, to be tried again."""

    claims: list[Claim] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    rendered: dict[int, str] = field(default_factory=dict)
    xcoms: list[XComValue] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    returned: list[Returned] = field(default_factory=list)
    beats: bool = False

    @property
    def is_urgent(self) -> bool:
        """Whether someone waits for what is in it."""
        return bool(self.claims or self.xcoms or self.ended or self.returned or self.beats)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.is_urgent or self.started or self.rendered)

    def commit(self, store: Store, who: Supervisor, now_us: int) -> WriteBatch:
        """Write it all in one transaction; return what was written, its claims those granted.

        Raises what the database raises, and then keeps everything.
        """
        with store.begin() as connection:
            granted: set[str] = set()
            if self.returned:  # before it may be claimed once more
                attempts.give_back(connection, self.returned, who, now_us)
            if self.claims:
                granted = attempts.claim(connection, self.claims, who, now_us)
            if self.started:
                attempts.note_started(connection, self.started)
            if self.rendered:
                attempts.save_rendered(connection, self.rendered)
            if self.xcoms:
                xcoms.put(connection, self.xcoms, now_us)
            if self.ended:
                attempts.end(connection, self.ended, who)
            if self.beats:
                attempts.beat(connection, who.id, now_us)
        written = WriteBatch(
            [claim for claim in self.claims if claim.token in granted],
            self.started,
            self.rendered,
            self.xcoms,
            self.ended,
            self.returned,
            self.beats,
        )
        self.__init__()  # type: ignore[misc]
        return written

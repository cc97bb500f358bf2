"""What one pass of a task host writes: gathered, then committed at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.store import attempts, doorbell, xcoms
from airflow_lite.store.faults import is_of_rows
from airflow_lite.store.jobs import cause_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.store.attempts import Claim, Ended, Returned, Started, Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.store.xcoms import XComValue


class Pushed(NamedTuple):
    """An XCom of the attempt with this token."""

    token: str
    value: XComValue


class Rendered(NamedTuple):
    """The rendered fields, as JSON, of the attempt with this token."""

    token: str
    instance_id: int
    fields: str


class Written(NamedTuple):
    """What a commit has written: the claims that were granted, by token, and the ends.

    `refused` says of attempts why the database takes nothing of what the batch had of them.
    """

    claims: set[str]
    ended: list[Ended]
    refused: dict[str, str]


@dataclass
class WriteBatch:
    """Writes that wait for the next commit. What failed to commit stays, to be tried again."""

    claims: list[Claim] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    rendered: list[Rendered] = field(default_factory=list)
    xcoms: list[Pushed] = field(default_factory=list)
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

    def commit(self, store: Store, who: Supervisor, now_us: int, *, rings: bool = False) -> Written:
        """Write it all in one transaction; where the rows of an attempt are refused, all but those.

        With `rings`, whoever schedules is woken to see what ended.

        Raises what else the database raises, and then keeps everything.
        """
        try:
            with store.begin() as connection:
                written = Written(self.write(connection, who, now_us), self.ended, {})
                if rings:
                    _ring(connection, written.ended)
        except Exception as error:
            if not is_of_rows(error):
                raise
            written = self._commit_apart(store, who, now_us, rings=rings)
        self.__init__()  # type: ignore[misc]
        return written

    def _commit_apart(self, store: Store, who: Supervisor, now_us: int, *, rings: bool) -> Written:
        """Write what there is of each attempt by itself, in one transaction."""
        granted: set[str] = set()
        refused: dict[str, str] = {}
        with store.begin() as connection:
            for token, part in self._parts().items():
                try:
                    with connection.begin_nested():
                        granted |= part.write(connection, who, now_us)
                except Exception as error:
                    if not is_of_rows(error):
                        raise
                    refused[token] = cause_of(error)
            if self.beats:
                attempts.beat(connection, who.id, now_us)
            ended = [end for end in self.ended if end.token not in refused]
            if rings:
                _ring(connection, ended)
        return Written(granted, ended, refused)

    def _parts(self) -> dict[str, WriteBatch]:
        """Return a batch for each attempt, by its token."""
        parts: dict[str, WriteBatch] = defaultdict(WriteBatch)
        for name in ("returned", "claims", "started", "rendered", "xcoms", "ended"):
            rows: list[Any] = getattr(self, name)
            for row in rows:
                getattr(parts[row.token], name).append(row)
        return parts

    def write(self, connection: sa.Connection, who: Supervisor, now_us: int) -> set[str]:
        """Write all in this transaction; return the tokens of the claims that were granted."""
        granted: set[str] = set()
        if self.returned:  # before it may be claimed once more
            attempts.give_back(connection, self.returned, who, now_us)
        if self.claims:
            granted = attempts.claim(connection, self.claims, who, now_us)
        if self.started:
            attempts.note_started(connection, self.started)
        if self.rendered:
            fields = {rendered.instance_id: rendered.fields for rendered in self.rendered}
            attempts.save_rendered(connection, fields)
        if self.xcoms:
            xcoms.put(connection, [pushed.value for pushed in self.xcoms], now_us)
        if self.ended:
            attempts.end(connection, self.ended, who)
        if self.beats:
            attempts.beat(connection, who.id, now_us)
        return granted


def _ring(connection: sa.Connection, ended: list[Ended]) -> None:
    if ended:
        doorbell.ring(connection, instances=[end.instance_id for end in ended])

"""What one pass of a task host writes: gathered, then committed at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.store import attempts, doorbell, xcom_values
from airflow_lite.store.faults import cause_of, is_of_rows
from airflow_lite.store.transactions import session_of

if TYPE_CHECKING:
    from airflow_lite.store.attempts import Claim, Ended, Returned, Started, Supervisor
    from airflow_lite.store.connection import Connection, HostStore
    from airflow_lite.store.xcom_values import XComValue


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
    """Writes that wait for the next commit. What failed to commit stays, to be tried again.

    So does what was committed without waiting for the disk, in `unkept`, until a later commit of
    the same `session` has waited: in another it is written again.
    """

    claims: list[Claim] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    rendered: list[Rendered] = field(default_factory=list)
    xcoms: list[Pushed] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    returned: list[Returned] = field(default_factory=list)
    beats: bool = False
    unkept: list[WriteBatch] = field(default_factory=list)
    session: object = None

    @property
    def is_urgent(self) -> bool:
        """Whether someone waits for what is in it."""
        return bool(self.claims or self.xcoms or self.ended or self.returned or self.beats)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.is_urgent or self.started or self.rendered or self.unkept)

    def commit(
        self, store: HostStore, who: Supervisor, now_us: int, *, rings: bool = False
    ) -> Written:
        """Write it all in one transaction; where the rows of an attempt are refused, all but those.

        With `rings`, whoever schedules is woken to see what ended, once the disk has it.
        What nobody waits for but a scheduler need not be on the disk yet.

        Raises what else the database raises, and then keeps everything.
        """
        try:
            done = None if rings else self._commit_one(store, who, now_us)
            written, session = done or self._commit_together(store, who, now_us, rings=rings)
        except Exception as error:
            if not is_of_rows(error):
                raise
            written, session = self._commit_apart(store, who, now_us, rings=rings), None
        self._forget(session)
        return written

    def _commit_together(
        self, store: HostStore, who: Supervisor, now_us: int, *, rings: bool
    ) -> tuple[Written, object | None]:
        """Write all in one transaction; return its session too, if it has waited for no disk."""
        is_lazy = not (self.claims or self.returned or self.beats or rings)
        with store.begin_recording() if is_lazy else store.begin() as connection:
            session = session_of(connection) if is_lazy else None
            self._write_unkept(connection, who, now_us)
            written = Written(self.write(connection, who, now_us), self.ended, {})
            if rings:
                _ring(connection, written.ended)
        return written, session

    def _commit_one(
        self, store: HostStore, who: Supervisor, now_us: int
    ) -> tuple[Written, object | None] | None:
        """Do as `_commit_together` by a single statement; None where that is not enough."""
        if not self._is_one_statement:
            return None
        with store.begin_one() as connection:
            session = session_of(connection)
            if self.unkept and session is not self.session:
                return None
            session = session if self.ended else None
            granted = self.write(connection, who, now_us, is_lazy=session is not None)
        return Written(granted, self.ended, {}), session

    @property
    def _is_one_statement(self) -> bool:
        """Whether PostgreSQL can write it all by one statement: one claim, or one end."""
        others = (self.started, self.xcoms, self.returned, self.beats)
        if any(others) or len(self.claims) + len(self.ended) != 1:
            return False
        if self.claims:
            return not (self.claims[0].clears_xcom or self.rendered)
        [end] = self.ended
        rendered = {rendered.instance_id for rendered in self.rendered}
        return rendered <= {end.instance_id} and not (end.callback or end.changes)

    def _write_unkept(self, connection: Connection, who: Supervisor, now_us: int) -> None:
        if session_of(connection) is not self.session:  # a server that went down may have lost it
            for batch in self.unkept:
                batch.write(connection, who, now_us)

    def _forget(self, session: object | None) -> None:
        """Begin anew after a commit; one that waited for no disk is kept under its session."""
        unkept = [] if session is None else [*self.unkept, replace(self, unkept=[])]
        self.__init__(unkept=unkept, session=session)  # type: ignore[misc]

    def keep(self) -> None:
        """Have the next commit wait for the disk, if anything depends on it."""
        self.beats = self.beats or bool(self.unkept)

    def _commit_apart(
        self, store: HostStore, who: Supervisor, now_us: int, *, rings: bool
    ) -> Written:
        """Write what there is of each attempt by itself, in one transaction."""
        granted: set[str] = set()
        refused: dict[str, str] = {}
        with store.begin() as connection:
            self._write_unkept(connection, who, now_us)
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

    def write(
        self, connection: Connection, who: Supervisor, now_us: int, *, is_lazy: bool = False
    ) -> set[str]:
        """Write all in this transaction; return the tokens of the claims that were granted.

        `is_lazy`: its commit need not wait for the disk.
        """
        granted: set[str] = set()
        if self.returned:  # before it may be claimed once more
            attempts.give_back(connection, self.returned, who, now_us)
        if self.claims:
            granted = attempts.claim(connection, self.claims, who, now_us)
        if self.started:
            attempts.note_started(connection, self.started)
        if self.xcoms:
            xcom_values.put(connection, [pushed.value for pushed in self.xcoms], now_us)
        fields = {rendered.instance_id: rendered.fields for rendered in self.rendered}
        if self.ended:
            attempts.end(connection, self.ended, who, fields, is_lazy=is_lazy)
        else:
            attempts.save_rendered(connection, fields)
        if self.beats:
            attempts.beat(connection, who.id, now_us)
        return granted


def _ring(connection: Connection, ended: list[Ended]) -> None:
    if ended:
        doorbell.ring(connection, instances=[end.instance_id for end in ended])

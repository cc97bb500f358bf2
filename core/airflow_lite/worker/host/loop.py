"""The task host: claims attempts, has zygotes fork them, watches, kills and records them.

One process per machine and scheduler, of its own session, without user code. All that one turn of
its loop brings is written in one commit.
"""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DataError, InterfaceError, ProgrammingError, SQLAlchemyError

from airflow_lite.processes import doorbell
from airflow_lite.processes.backoff import SHORTEST_S, Trouble
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.proc import describe_end, kill_session
from airflow_lite.store import attempts as rows
from airflow_lite.store import lookup, xcoms
from airflow_lite.worker.host.attempt import Attempt, Phase
from airflow_lite.worker.host.launcher import Launcher
from airflow_lite.worker.host.monitor import AttemptMonitor
from airflow_lite.worker.host.state import HostState
from airflow_lite.worker.host.zygote_pool import ZygoteHandle, Zygotes
from airflow_lite.worker.messages import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_lite.clock import Clock
    from airflow_lite.keys import RunCommand
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.worker.settings import HostSettings

logger = logging.getLogger(__name__)

#: What an attempt is at while its code may run: such a one is watched, whatever else is wrong.
_UNDER_WAY = frozenset({Phase.CLAIMED, Phase.RUNNING, Phase.CALLING_BACK})


class HostLoop:
    """The loop. `run` returns when it was told to end and nothing runs any more."""

    def __init__(
        self,
        settings: HostSettings,
        store: Store,
        who: Supervisor,
        base: socket.socket,
        clock: Clock,
        most_at_once: int = sys.maxsize,
    ) -> None:
        self._state = HostState(settings, store, who, clock, most_at_once)
        self._scheduler: Channel | None = None
        self._is_draining = False
        self._store_fails = False
        self._has_trouble = False  # and the scheduler was told so
        self._trouble = Trouble()
        self._has_given_up = False
        self._is_beating = False
        self._stop_graces: list[float] = []  # one for each signal that asked to stop
        self.on_end: Callable[[str, str | None], None] = lambda *_: None
        self._zygotes = Zygotes(
            base, settings.dags_folder, self._state.watch, self._state.unwatch, settings.sentry
        )
        self._zygotes.on_message = self._hear_zygote
        self._zygotes.on_gone = self._zygote_gone
        self._wards = AttemptMonitor(self._state)
        self._launcher = Launcher(self._state, self._zygotes, self._wards)

    def serve(self, scheduler: socket.socket) -> None:
        """Take orders from the scheduler at the other end of this socket."""
        self._scheduler = Channel(scheduler)
        self._state.watch(self._scheduler, self._hear_scheduler)

    def accept(self, command: RunCommand) -> None:
        """Run one attempt; one that is known already is left as it is."""
        token = command.key.attempt
        if token in self._state.attempts:
            return
        if self._is_draining:
            self._state.dropped.append(token)
            return
        self._state.attempts[token] = self._state.waiting[token] = Attempt(command)

    def cancel(self, token: str, grace_s: float | None = None, reason: str = "revoked") -> None:
        """Stop one attempt: SIGTERM, and SIGKILL after `grace_s`."""
        attempt = self._state.attempts.get(token)
        if attempt is not None:
            self._wards.stop(
                attempt, reason, self._state.settings.kill_grace_s if grace_s is None else grace_s
            )

    def release(self, tokens: Iterable[str]) -> None:
        """Let go of those of these attempts that are not claimed yet."""
        for token in tokens:
            attempt = self._state.waiting.get(token)
            if attempt is not None:
                self._state.drop(attempt)

    def drain(self) -> None:
        """Claim no more; end once what runs has ended."""
        self._is_draining = True
        for attempt in list(self._state.waiting.values()):
            self._state.drop(attempt)

    def terminate(self, grace_s: float = 0.0) -> None:
        """Stop all that runs, then end."""
        self.drain()
        for attempt in list(self._state.attempts.values()):
            self._wards.stop(attempt, "the task host was told to stop", grace_s)

    def _hear_scheduler(self) -> None:
        from airflow_lite.keys import RunCommand

        scheduler = self._scheduler
        assert scheduler is not None  # it is watched
        for message in scheduler.receive():
            for words in message.get("run", ()):
                try:
                    self.accept(RunCommand.parse(words))
                except ValueError as error:
                    logger.error("not a run command: %s: %r", error, words)
            if "cancel" in message:
                self.cancel(message["cancel"], message.get("grace_s"))
            if "release" in message:
                self.release(message["release"])
            if "drain" in message:
                self.drain()
            if "terminate" in message:
                self.terminate(message["terminate"])
        if scheduler.is_closed:  # detached, or dead: what runs finishes and records itself
            self._state.unwatch(scheduler)
            scheduler.close()
            self._scheduler = None
            self.drain()

    def run(self) -> None:
        """Serve until drained."""
        with self._state.store.begin() as connection:
            rows.register(connection, self._state.who, self._state.clock.now_us())
        self._tell_trouble(None)
        while not self._is_over:
            self._turn()
        self._end()

    @property
    def _is_over(self) -> bool:
        is_done = self._is_draining and not self._state.attempts and self._state.batch.is_empty
        return is_done or self._has_given_up

    def stop_on_signals(self, grace_s: float) -> None:
        """Let SIGTERM and SIGINT stop all that runs, a second one without grace."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        ours.setblocking(False)
        self._state.selector.register(ours, selectors.EVENT_READ, lambda: ours.recv(64))

        def stop(_number: int, _frame: object) -> None:
            self._stop_graces.append(0.0 if self._is_draining else grace_s)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _turn(self) -> None:
        for key, mask in self._state.selector.select(self._wait_s()):
            if mask & selectors.EVENT_WRITE:
                key.fileobj.flush()  # type: ignore[union-attr]
            if mask & selectors.EVENT_READ:
                key.data()
        while self._stop_graces:
            self.terminate(self._stop_graces.pop())
        self._state.timers.run_due(time.monotonic())
        if not self._store_fails:
            self._work()
        self._state.want_writable()

    def _work(self) -> None:
        try:
            if self._has_trouble:
                self._prove_store()
            self._launcher.look_up()
            self._launcher.ask_zygotes()
            if self._state.must_flush:
                self._tell_running()
            if self._state.batch.is_urgent or self._state.must_flush:
                self._commit()
            self._answer()
            self._trouble.end()
        except SQLAlchemyError as error:
            self._wait_for_store(str(error).splitlines()[0])
        self._tell_dropped()

    def _wait_for_store(self, cause: str) -> None:
        logger.error("the task host cannot use the metadata database, trying on: %s", cause)
        self._store_fails = self._has_trouble = True
        self._tell_trouble(f"its task host cannot use the metadata database: {cause}")
        now = time.monotonic()
        self._state.timers.at(now + self._trouble.note(now), self._try_store_again)
        is_needed = self._scheduler is not None or any(
            one.phase in _UNDER_WAY for one in self._state.attempts.values()
        )
        if self._trouble.is_hopeless(now) and not is_needed:
            self._has_given_up = True
            logger.error(
                "the task host gives up: %d outcomes are not recorded",
                sum(one.phase is Phase.ENDING for one in self._state.attempts.values()),
            )

    def _tell_trouble(self, trouble: str | None) -> None:
        if self._scheduler is not None:
            self._scheduler.send({"trouble": trouble})

    def _prove_store(self) -> None:
        with self._state.store.begin() as connection:
            rows.beat(connection, self._state.who.id, self._state.clock.now_us())
        self._has_trouble = False
        self._tell_trouble(None)

    def _try_store_again(self) -> None:
        self._store_fails = False

    def _wait_s(self) -> float | None:
        if self._state.waiting and any(
            one.phase is Phase.NEW for one in self._state.waiting.values()
        ):
            return 0 if not self._store_fails else SHORTEST_S
        due = self._state.timers.next_at()
        return None if due is None else max(due - time.monotonic(), 0)

    def _end(self) -> None:
        if not self._has_given_up:
            now_us = self._state.clock.now_us()
            with self._state.store.begin() as connection:
                rows.end_supervisor(connection, self._state.who.id, now_us, "ended")
        self._zygotes.close()

    def _commit(self) -> None:
        asked = [one.token for one in self._state.batch.claims]
        written = self._state.batch.commit(
            self._state.store, self._state.who, self._state.clock.now_us()
        )
        self._state.must_flush = False
        granted = {one.token for one in written.claims}
        if granted:
            self._beat_soon()
        for token in asked:
            attempt = self._state.attempts[token]
            if token not in granted:
                self._wards.release(attempt)
                self._state.drop(attempt)
            elif attempt.error:
                self._launcher.fail_unstarted(attempt)
            elif attempt.stop_reason is not None:
                self._wards.finish(attempt, Outcome("failed", attempt.stop_reason))
            else:
                self._launcher.fork(attempt)
        if written.ended:
            self._tell_ended(written.ended)
        if self._state.batch.ended:
            self._commit()

    def _tell_ended(self, ended: Iterable[rows.Ended]) -> None:
        tokens, ids = [], []
        for one in ended:
            attempt = self._state.attempts.pop(one.token)
            self.on_end(one.token, one.state)
            tokens.append(one.token)
            ids.append(attempt.queued.id)
        if self._scheduler is not None:
            self._scheduler.send({"ended": tokens})
        else:
            doorbell.ring(self._state.settings.home, instances=ids)

    def _tell_dropped(self) -> None:
        if not self._state.dropped:
            return
        dropped, self._state.dropped = self._state.dropped, []
        for token in dropped:
            self.on_end(token, None)
        if self._scheduler is not None:
            self._scheduler.send({"dropped": dropped})

    def _hear_zygote(self, zygote: ZygoteHandle, message: dict[str, Any]) -> None:
        if "parsed" in message:
            if zygote.error is not None:
                self._launcher.blame(zygote, zygote.error)
        elif "forked" in message:
            zygote.forks += 1
            self._wards.forked(message)
        elif "missing" in message:
            self._launcher.missing(message["missing"], zygote)
        elif "unforked" in message:
            zygote.tokens.discard(message["unforked"])
            self._wards.unforked(message["unforked"], message["error"])
            self._zygotes.close_if_idle(zygote)
        elif "ended" in message:
            zygote.tokens.discard(message["ended"])
            self._wards.child_gone(message["ended"], message["code"])
            self._zygotes.close_if_idle(zygote)

    def _zygote_gone(self, zygote: ZygoteHandle, code: int | None) -> None:
        if not zygote.is_parsed:
            self._launcher.import_crashed(zygote, code)
        cause = "its zygote died" if code is None else f"its zygote was {describe_end(code)}"
        if zygote.is_alone and code is not None:
            for token in list(zygote.tokens):
                self._wards.child_gone(token, code)
        for token in list(zygote.tokens):
            attempt = self._state.attempts.get(token)
            if attempt is not None and attempt.pid is not None:
                kill_session(attempt.pid)
            self._wards.child_gone(token, None, cause)
        zygote.tokens.clear()

    def _beat_soon(self) -> None:
        if not self._is_beating:
            self._is_beating = True
            self._state.timers.at(
                time.monotonic() + self._state.settings.beat_interval_s, self._beat
            )

    def _beat(self) -> None:
        self._is_beating = False
        claimed = {one.queued.id: one for one in self._state.attempts.values() if one.is_claimed}
        if not claimed:
            return
        self._state.batch.beats = True
        if not self._store_fails:
            self._look_after(claimed)
        self._beat_soon()

    def _look_after(self, claimed: dict[int, Attempt]) -> None:
        """Stop what was cleared, marked or deleted while it ran."""
        try:
            with self._state.store.read() as connection:
                found = {row.id: row for row in rows.watch(connection, list(claimed))}
        except SQLAlchemyError as error:
            logger.warning("the task host cannot look at its rows: %s", error)
            return
        for row_id, attempt in claimed.items():
            row = found.get(row_id)
            if attempt.phase is Phase.ENDING or attempt.stop_reason is not None:
                continue
            given = _given_state([] if row is None else [row], attempt.token)
            if given is not None:
                how = given if row is None else f"set to {given}"
                self._wards.stop(attempt, f"its row was {how}", self._state.settings.kill_grace_s)

    def _tell_running(self) -> None:
        """Tell of attempts that have run for a while, and note their processes."""
        running = [
            one
            for one in self._state.attempts.values()
            if one.phase is Phase.RUNNING and not one.is_told
        ]
        for attempt in running:
            attempt.is_told = True
            self._wards.note_process(attempt)
        if running and self._scheduler is not None:
            self._scheduler.send({"running": [one.token for one in running]})

    def _answer(self) -> None:
        """Answer what tasks asked; what is left when the database fails is answered later."""
        questions = self._state.questions
        if not questions:
            return
        with self._state.store.read() as connection:
            while questions:
                attempt, message = questions[0]
                if attempt.line is not None:
                    self._answer_one(connection, attempt, message)
                questions.popleft()

    def _answer_one(self, connection: Any, attempt: Attempt, message: dict[str, Any]) -> None:
        """Answer one question; what makes no sense, asked or found, is an error of who asked."""
        line = attempt.line
        assert line is not None  # who asked still listens
        of = {"question": message.get("question")}
        try:
            line.send({**of, "value": self._value(connection, attempt, message)})
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            why = f"The metadata database has what cannot be read: {error!s:.200}"
            line.send({**of, "error": why})
        except (DataError, InterfaceError, ProgrammingError) as error:
            why = f"The metadata database cannot be asked that: {error.orig!s:.200}"
            line.send({**of, "error": why})

    def _value(self, connection: Any, attempt: Attempt, message: dict[str, Any]) -> Any:
        if "pull" in message:
            return [list(row) for row in xcoms.get(connection, xcoms.XComQuery(**message["pull"]))]
        if "given_state" in message:
            watched = rows.watch(connection, [attempt.queued.id])
            return _given_state(watched, attempt.token)
        if "finished_tasks" in message:
            return lookup.finished_tasks(connection, attempt.queued.run.id)
        if "task_instances" in message:
            return lookup.task_instances(connection, message["task_instances"])
        if "first_reschedule" in message:
            try_number = message["first_reschedule"]
            return lookup.first_reschedule(connection, attempt.queued.id, try_number)
        run = attempt.queued.run
        found = lookup.previous_run(connection, run.dag_id, run.logical_us, message["previous_run"])
        return None if found is None else found.fields()


def _given_state(found: list[rows.Watched], token: str) -> str | None:
    """Return what others made of the row of an attempt that runs; None if it is as it should be."""
    if not found:
        return "deleted"
    (row,) = found
    return None if (row.attempt, row.state) == (token, "running") else str(row.state)

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
from typing import TYPE_CHECKING

from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send
from airflow_lite.processes.proc import describe_end, kill_session
from airflow_lite.store import attempts as rows
from airflow_lite.store.faults import (
    MOST_PASSING,
    advice_on,
    cause_of,
    is_database_error,
    is_passing,
)
from airflow_lite.store.files import StoreFiles
from airflow_lite.worker.host import ending
from airflow_lite.worker.host.attempt import Attempt, Phase
from airflow_lite.worker.host.launcher import Launcher
from airflow_lite.worker.host.monitor import AttemptMonitor
from airflow_lite.worker.host.questions import given_state
from airflow_lite.worker.host.state import HostState
from airflow_lite.worker.host.zygote_pool import ZygoteHandle, ZygotePool
from airflow_lite.worker.messages import (
    FROM_SCHEDULER,
    Ask,
    AttemptForked,
    AttemptsDropped,
    AttemptsEnded,
    AttemptsRunning,
    CancelAttempt,
    ChildEnded,
    Drain,
    FileParsed,
    ForkFailed,
    HostBeat,
    LimitAttempts,
    Outcome,
    ReleaseAttempts,
    RunAttempts,
    StoreTrouble,
    TaskMissing,
    Terminate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_lite.clock import Clock
    from airflow_lite.keys import RunCommand
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.store.connection import HostStore
    from airflow_lite.worker.messages import HostMessage, SchedulerMessage, ZygoteMessage
    from airflow_lite.worker.settings import HostSettings
    from airflow_lite.worker.zygote.start import BaseZygote

logger = logging.getLogger(__name__)

#: Seconds until a database that failed is tried again; doubled up to the longest.
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 5.0
#: So long, in seconds, outcomes that cannot be written are kept by a host that nobody else needs:
#: the file may have been deleted or spoilt for good.
GIVE_UP_S = 3600.0
#: In place of a state, where the database takes no end of an attempt, whatever it is.
UNRECORDED = ""
#: What an attempt is at while its code may run: such a one is watched, whatever else is wrong.
_UNDER_WAY = frozenset({Phase.CLAIMED, Phase.RUNNING, Phase.CALLING_BACK})


class HostLoop:
    """The loop. `run` returns after an order to end, once nothing runs.

    `on_end(token, state)` is called for each attempt that ended; its state is None if the attempt
    was not this host's to claim, `UNRECORDED` if the database takes no end of it.
    """

    def __init__(
        self,
        settings: HostSettings,
        store: HostStore,
        who: Supervisor,
        base: BaseZygote,
        clock: Clock,
        most_at_once: int = sys.maxsize,
        *,
        on_end: Callable[[str, str | None], None] = lambda *_: None,
    ) -> None:
        self._state = HostState(settings, store, who, clock, most_at_once)
        self._scheduler: Channel | None = None
        self._is_draining = False
        self._store_fails = False
        self._has_trouble = False  # and the scheduler knows
        self._outage = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._told: set[str] = set()  # causes of the outage, each once
        self._has_given_up = False
        self._files: StoreFiles | None = None
        #: The store's files were taken away: nothing may be written to those that are open.
        self.has_lost_store = False
        self._is_beating = False
        self._stop_graces: list[float] = []  # one for each signal that asked to stop
        self._on_end = on_end
        self._zygotes = ZygotePool(
            base, settings, self._state, self._hear_zygote, self._zygote_gone
        )
        self._monitor = AttemptMonitor(self._state, self._zygotes)
        self._launcher = Launcher(self._state, self._zygotes, self._monitor)

    def serve(self, scheduler: socket.socket) -> None:
        """Take orders from the scheduler at the other end of this socket."""
        self._scheduler = Channel(scheduler)
        self._state.watch(self._scheduler, self._hear_scheduler)

    def accept(self, command: RunCommand) -> None:
        """Run an attempt, unless this host has it already."""
        token = command.key.attempt
        if token in self._state.attempts:
            return
        if self._is_draining:
            self._state.dropped.append(token)
            return
        self._state.attempts[token] = self._state.waiting[token] = Attempt(command)
        self._beat_soon()

    def cancel(self, token: str, grace_s: float | None = None, reason: str = "revoked") -> None:
        """Stop one attempt: SIGTERM, and SIGKILL after `grace_s`."""
        attempt = self._state.attempts.get(token)
        if attempt is not None:
            self._monitor.stop(
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
            self._monitor.stop(attempt, "the task host was told to stop", grace_s)

    def _hear_scheduler(self) -> None:
        scheduler = self._scheduler
        assert scheduler is not None  # it is watched
        for message in receive(scheduler, FROM_SCHEDULER):
            self._obey(message)
        if scheduler.is_closed:  # detached, or dead: what runs finishes and records itself
            self._state.unwatch(scheduler)
            scheduler.close()
            self._scheduler = None
            self.drain()

    def _obey(self, message: SchedulerMessage) -> None:
        match message:
            case RunAttempts(commands):
                self._accept_all(commands)
            case CancelAttempt(token, grace_s):
                self.cancel(token, grace_s)
            case ReleaseAttempts(tokens):
                self.release(tokens)
            case LimitAttempts(most):
                self._state.most_at_once = most
            case Drain():
                self.drain()
            case Terminate(grace_s):
                self.terminate(grace_s)

    def _accept_all(self, commands: list[list[str]]) -> None:
        from airflow_lite.keys import RunCommand

        for words in commands:
            try:
                self.accept(RunCommand.parse(words))
            except ValueError as error:
                logger.error("not a run command: %s: %r", error, words)

    def _tell_scheduler(self, message: HostMessage) -> None:
        if self._scheduler is not None:
            send(self._scheduler, message)

    def run(self) -> None:
        """Serve until drained."""
        self.start()
        while not self.is_over:
            self.turn()
        self.end()

    def start(self) -> None:
        """Register with the store, and let the scheduler know that attempts can be claimed."""
        with self._state.store.begin() as connection:
            rows.register(connection, self._state.who, self._state.clock.now_us())
            if self._state.store.is_sqlite:
                self._files = StoreFiles(self._state.store.whole)
        self._tell_trouble(None)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, or nothing more can be done."""
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

    def turn(self) -> None:
        """Wait for something to do; do what has come, and what is due."""
        for key, mask in self._state.selector.select(self._wait_s()):
            if mask & selectors.EVENT_WRITE:
                key.fileobj.flush()  # type: ignore[union-attr]
            if mask & selectors.EVENT_READ:
                key.data()
        while self._stop_graces:
            self.terminate(self._stop_graces.pop())
        self._state.timers.run_due(self._state.clock.monotonic())
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
                self._state.batch.keep()
            if self._state.batch.is_urgent or self._state.must_flush:
                self._commit()
            self._state.questions.answer()
            self._tell_outage_over()
        except Exception as error:
            if not is_database_error(error):
                raise
            self._wait_for_store(error)
        self._tell_dropped()

    def _wait_for_store(self, error: Exception) -> None:
        self._store_fails = True
        now = self._state.clock.monotonic()
        self._state.timers.at(now + self._outage.fail(now), self._try_store_again)
        if is_passing(error) and self._outage.failures <= MOST_PASSING:
            return
        self._tell_outage(cause_of(error))
        is_needed = self._scheduler is not None or any(
            attempt.phase in _UNDER_WAY for attempt in self._state.attempts.values()
        )
        if self._outage.lasted_s(now) >= GIVE_UP_S and not is_needed:
            self._has_given_up = True
            logger.error(
                "the task host gives up: %d outcomes are not recorded",
                sum(attempt.phase is Phase.ENDING for attempt in self._state.attempts.values()),
            )

    def _tell_outage(self, cause: str) -> None:
        trouble = advice_on(cause) or cause  # it may name another table each time
        if trouble not in self._told:
            logger.error("the task host cannot use the metadata database, trying on: %s", cause)
        self._told.add(trouble)
        self._has_trouble = True
        self._tell_trouble(f"its task host cannot use the metadata database: {cause}")

    def _tell_outage_over(self) -> None:
        self._outage.succeed()
        if self._told:
            logger.info("the task host can use the metadata database again")
        self._told.clear()

    def _tell_trouble(self, trouble: str | None) -> None:
        self._tell_scheduler(StoreTrouble(trouble))

    def _prove_store(self) -> None:
        with self._state.store.begin() as connection:
            rows.beat(connection, self._state.who.id, self._state.clock.now_us())
        self._has_trouble = False
        self._tell_trouble(None)

    def _try_store_again(self) -> None:
        self._store_fails = False

    def _wait_s(self) -> float | None:
        if self._state.questions.can_answer or self._launcher.wants_rows:
            return 0 if not self._store_fails else FIRST_RETRY_S
        due = self._state.timers.next_at()
        return None if due is None else max(due - self._state.clock.monotonic(), 0)

    def end(self) -> None:
        """Record the end of this host, and end its zygotes."""
        if not self._has_given_up:
            now_us = self._state.clock.now_us()
            with self._state.store.begin() as connection:
                rows.end_supervisor(connection, self._state.who.id, now_us, "ended")
        self._zygotes.close()
        if self._scheduler is not None:
            self._scheduler.close()
        for attempt in self._state.attempts.values():  # of a host that gave up
            ending.release(self._state, attempt)

    def _check_files(self) -> bool:
        """Return whether the store's files are still those that others see; give up if not."""
        try:
            fault = self._files.fault() if self._files is not None else None
        except OSError:
            return True  # an outage
        if fault is not None:
            self._has_given_up = self.has_lost_store = True
            logger.error("the task host gives up: %s. Its attempts count as lost", fault)
        return fault is None

    def _commit(self) -> None:
        if not self._check_files():
            return
        requested = [claim.token for claim in self._state.batch.claims]
        for token in requested:
            self._launcher.fork_ahead(self._state.attempts[token])
        written = self._state.batch.commit(
            self._state.store,
            self._state.who,
            self._state.clock.now_us(),
            rings=self._scheduler is None,
        )
        self._state.must_flush = False
        if self._state.batch.unkept:
            self._state.write_later()
        for token in requested:
            attempt = self._state.attempts[token]
            if token not in written.claims:
                ending.release(self._state, attempt)
                self._state.drop(attempt)
            elif attempt.error:
                self._launcher.fail_unstarted(attempt)
            elif attempt.stop_reason is not None:
                ending.finish(self._state, attempt, Outcome("failed", attempt.stop_reason))
            else:
                self._begin(attempt)
        if written.ended:
            self._tell_ended({end.token: end.state for end in written.ended})
        self._fail_refused(written.refused)
        if self._state.batch.ended or self._state.batch.returned:
            self._commit()

    def _begin(self, attempt: Attempt) -> None:
        """Let a claimed attempt begin, then hear what its zygote said of it meanwhile."""
        self._launcher.begin(attempt)
        held, attempt.held = attempt.held, []
        for zygote, message in held:
            self._hear_zygote(zygote, message)

    def _fail_refused(self, refused: dict[str, str]) -> None:
        """Let attempts fail whose rows the database does not take, and go on without them."""
        for token, reason in refused.items():
            attempt = self._state.attempts.get(token)
            if attempt is None:  # it is not ours
                logger.error("the claim of attempt %s cannot be recorded: %s", token, reason)
            elif ending.refuse(self._state, attempt, reason):
                self._monitor.stop(attempt, reason, self._state.settings.kill_grace_s)
            else:
                logger.error("the end of %s cannot be recorded, not even as failed", attempt.key)
                self._tell_ended({token: UNRECORDED})

    def _tell_ended(self, ends: dict[str, str | None]) -> None:
        """Tell of ends, as the state that each token's task instance has got."""
        for token, state in ends.items():
            del self._state.attempts[token]
            self._on_end(token, state)
        self._tell_scheduler(AttemptsEnded([*ends]))

    def _tell_dropped(self) -> None:
        if not self._state.dropped:
            return
        dropped, self._state.dropped = self._state.dropped, []
        for token in dropped:
            self._on_end(token, None)
        self._tell_scheduler(AttemptsDropped(dropped))

    def _hear_zygote(self, zygote: ZygoteHandle, message: ZygoteMessage) -> None:
        attempt = self._state.attempts.get(getattr(message, "token", ""))
        if attempt is not None and attempt.phase is Phase.CLAIMING:
            attempt.held.append((zygote, message))  # the database keeps us waiting
            return
        match message:
            case FileParsed(error):
                if error is not None:
                    self._launcher.blame(zygote, error)
            case AttemptForked():
                zygote.forks += 1
                self._monitor.forked(message)
            case TaskMissing(token):
                self._launcher.missing(token, zygote)
            case ForkFailed(token):
                zygote.tokens.discard(token)
                self._monitor.fork_failed(message)
                self._zygotes.close_if_idle(zygote)
            case Ask():
                self._state.questions.add_of_file(zygote.channel, message)
            case ChildEnded(token, code):
                zygote.tokens.discard(token)
                self._monitor.child_gone(token, code)
                self._zygotes.close_if_idle(zygote)

    def _zygote_gone(self, zygote: ZygoteHandle, code: int | None) -> None:
        if not zygote.is_parsed:
            self._launcher.import_crashed(zygote, code)
        cause = "its zygote died" if code is None else f"its zygote was {describe_end(code)}"
        if zygote.is_alone and code is not None:
            for token in list(zygote.tokens):
                self._monitor.child_gone(token, code)
        for token in list(zygote.tokens):
            attempt = self._state.attempts.get(token)
            if attempt is not None and attempt.pid is not None:
                kill_session(attempt.pid)
            self._monitor.child_gone(token, None, cause)
        zygote.tokens.clear()

    def _beat_soon(self) -> None:
        if not self._is_beating:
            self._is_beating = True
            self._state.timers.at(
                self._state.clock.monotonic() + self._state.settings.beat_interval_s, self._beat
            )

    def _beat(self) -> None:
        self._is_beating = False
        if not self._state.attempts:
            return
        self._beat_soon()
        self._tell_scheduler(HostBeat())
        attempts = self._state.attempts.values()
        claimed = {attempt.queued.id: attempt for attempt in attempts if attempt.is_claimed}
        if not claimed:
            return
        if not self._check_files():
            return
        self._state.batch.beats = True
        if not self._store_fails:
            self._look_after(claimed)

    def _look_after(self, claimed: dict[int, Attempt]) -> None:
        """Stop what was cleared, marked or deleted while it ran."""
        try:
            with self._state.store.read() as connection:
                watched = {row.id: row for row in rows.watch(connection, list(claimed))}
        except Exception as error:
            if not is_database_error(error):
                raise
            logger.warning("the task host cannot look at its rows: %s", error)
            return
        for row_id, attempt in claimed.items():
            row = watched.get(row_id)
            if attempt.phase is Phase.ENDING or attempt.stop_reason is not None:
                continue
            state = given_state([] if row is None else [row], attempt.token)
            if state is not None:
                how = state if row is None else f"set to {state}"
                self._monitor.stop(attempt, f"its row was {how}", self._state.settings.kill_grace_s)

    def _tell_running(self) -> None:
        """Tell of attempts that have run for a while, and note their processes."""
        running = self._monitor.announce()
        if running:
            self._tell_scheduler(AttemptsRunning(running))

"""The task host: claims attempts, has zygotes fork them, watches, kills and records them.

One process per machine and scheduler, of its own session, without user code. All that one turn of
its loop brings is written in one commit.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from airflow_lite import doorbell
from airflow_lite.dag.folder import has_changed
from airflow_lite.logs.paths import open_for_writing
from airflow_lite.store import attempts as rows
from airflow_lite.store import xcoms
from airflow_lite.worker.attempt import Attempt, Phase
from airflow_lite.worker.channel import Channel
from airflow_lite.worker.ledger import Ledger
from airflow_lite.worker.process import describe_end, kill_session, process_start
from airflow_lite.worker.pump import Pump
from airflow_lite.worker.request import Outcome, RetryPolicy
from airflow_lite.worker.timers import Timers
from airflow_lite.worker.zygotes import FileZygote, Zygotes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_lite.clock import Clock
    from airflow_lite.keys import RunCommand
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.worker.settings import HostSettings

logger = logging.getLogger(__name__)

#: What nobody waits for (process ids, rendered fields, "it runs") is written this late, in
#: seconds: a short task's goes with its outcome.
LAZY_S = 0.1
#: Seconds between two tries to reach a database that fails.
STORE_RETRY_S = 0.5
#: Longest time, in seconds, that a child has between SIGKILL and the word of its end.
REAP_S = 5.0


class Host:
    """The loop. `run` returns when it was told to end and nothing runs any more."""

    def __init__(
        self,
        settings: HostSettings,
        store: Store,
        who: Supervisor,
        base: socket.socket,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._who = who
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._channels: dict[Channel, Callable[[], None]] = {}
        self._timers = Timers()
        self._ledger = Ledger()
        self._attempts: dict[str, Attempt] = {}
        self._waiting: dict[str, Attempt] = {}  # NEW and WAITING, in order
        self._questions: list[tuple[Attempt, dict[str, Any]]] = []
        self._dropped: list[str] = []
        self._scheduler: Channel | None = None
        self._is_draining = False
        self._is_lazy_due = False  # a timer will flush
        self._must_flush = False
        self._store_fails = False
        self._is_beating = False
        self._unforked: list[Attempt] = []  # claimed, and their file is parsed once more
        self._stop_graces: list[float] = []  # one for each signal that asked to stop
        self.on_end: Callable[[str, str | None], None] = lambda *_: None
        self.zygotes = Zygotes(base, settings.dags_folder, self._watch, self._unwatch)
        self.zygotes.on_message = self._hear_zygote
        self.zygotes.on_gone = self._zygote_gone

    # ---------------------------------------------------------------- what it is told

    def serve(self, scheduler: socket.socket) -> None:
        """Take orders from the scheduler at the other end of this socket."""
        self._scheduler = Channel(scheduler)
        self._watch(self._scheduler, self._hear_scheduler)

    def accept(self, command: RunCommand) -> None:
        """Run one attempt; one that is known already is left as it is."""
        token = command.key.attempt
        if token in self._attempts:
            return
        if self._is_draining:
            self._dropped.append(token)
            return
        self._attempts[token] = self._waiting[token] = Attempt(command)

    def cancel(self, token: str, grace_s: float | None = None, reason: str = "revoked") -> None:
        """Stop one attempt: SIGTERM, and SIGKILL after `grace_s`."""
        attempt = self._attempts.get(token)
        if attempt is not None:
            self._stop(attempt, reason, self._settings.kill_grace_s if grace_s is None else grace_s)

    def drain(self) -> None:
        """Claim no more; end once what runs has ended."""
        self._is_draining = True
        for attempt in list(self._waiting.values()):
            self._drop(attempt)

    def terminate(self, grace_s: float = 0.0) -> None:
        """Stop all that runs, then end."""
        self.drain()
        for attempt in list(self._attempts.values()):
            self._stop(attempt, "the task host was told to stop", grace_s)

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
            if "drain" in message:
                self.drain()
            if "terminate" in message:
                self.terminate(message["terminate"])
        if scheduler.is_closed:  # detached, or dead: what runs finishes and records itself
            self._unwatch(scheduler)
            scheduler.close()
            self._scheduler = None
            self.drain()

    # ---------------------------------------------------------------- the loop

    def run(self) -> None:
        """Serve until drained."""
        with self._store.begin() as connection:
            rows.register(connection, self._who, self._clock.now_us())
        while not self._is_over:
            self._turn()
        self._end()

    @property
    def _is_over(self) -> bool:
        return self._is_draining and not self._attempts and self._ledger.is_empty

    def stop_on_signals(self, grace_s: float) -> None:
        """Let SIGTERM and SIGINT stop all that runs, a second one without grace."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        ours.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, lambda: ours.recv(64))

        def stop(_number: int, _frame: object) -> None:
            self._stop_graces.append(0.0 if self._is_draining else grace_s)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _turn(self) -> None:
        for key, mask in self._selector.select(self._wait_s()):
            if mask & selectors.EVENT_WRITE:
                key.fileobj.flush()  # type: ignore[union-attr]
            if mask & selectors.EVENT_READ:
                key.data()
        while self._stop_graces:
            self.terminate(self._stop_graces.pop())
        self._timers.run_due(time.monotonic())
        if not self._store_fails:
            self._work()
        self._want_writable()

    def _work(self) -> None:
        try:
            self._look_up()
            self._ask_zygotes()
            if self._ledger.is_urgent or (self._must_flush and not self._ledger.is_empty):
                self._commit()
            self._answer()
        except SQLAlchemyError as error:
            logger.error("the task host cannot use the metadata database, trying on: %s", error)
            self._store_fails = True
            self._timers.at(time.monotonic() + STORE_RETRY_S, self._try_store_again)
        self._tell_dropped()

    def _try_store_again(self) -> None:
        self._store_fails = False

    def _wait_s(self) -> float | None:
        if self._waiting and any(one.phase is Phase.NEW for one in self._waiting.values()):
            return 0 if not self._store_fails else STORE_RETRY_S
        due = self._timers.next_at()
        return None if due is None else max(due - time.monotonic(), 0)

    def _watch(self, channel: Channel, act: Callable[[], None]) -> None:
        self._channels[channel] = act
        self._selector.register(channel, selectors.EVENT_READ, act)

    def _unwatch(self, channel: Channel) -> None:
        if self._channels.pop(channel, None) is not None:
            self._selector.unregister(channel)

    def _want_writable(self) -> None:
        for channel, act in self._channels.items():
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.has_unsent else 0)
            if self._selector.get_key(channel).events != wanted:
                self._selector.modify(channel, wanted, act)

    def _end(self) -> None:
        with self._store.begin() as connection:
            rows.end_supervisor(connection, self._who.id, self._clock.now_us(), "ended")
        self.zygotes.close()

    # ---------------------------------------------------------------- from command to claim

    def _look_up(self) -> None:
        new = [one for one in self._waiting.values() if one.phase is Phase.NEW]
        if not new:
            return
        with self._store.read() as connection:
            found = rows.find(connection, [one.key for one in new])
        for attempt in new:
            row = found.get(attempt.key.primary)
            if row is None or row.state != "queued" or row.attempt != attempt.token:
                self._drop(attempt)
                continue
            attempt.row, attempt.phase = row, Phase.WAITING
            attempt.path = attempt.command.subdir or row.fileloc

    def _drop(self, attempt: Attempt) -> None:
        """Let go of an attempt that is not, or not any more, this host's to claim."""
        self._waiting.pop(attempt.token, None)
        self._attempts.pop(attempt.token, None)
        self._dropped.append(attempt.token)

    def _ask_zygotes(self) -> None:
        unforked, self._unforked = self._unforked, []
        for attempt in unforked:
            self._fork_when_parsed(attempt)
        paths: dict[str, FileZygote] = {}
        for attempt in list(self._waiting.values()):
            if attempt.phase is Phase.WAITING and not attempt.error:
                self._ask_zygote(attempt, paths)
            if attempt.phase is Phase.WAITING and attempt.error:
                self._claim(attempt)

    def _ask_zygote(self, attempt: Attempt, paths: dict[str, FileZygote]) -> None:
        zygote = attempt.zygote
        if zygote is None or not zygote.is_alone:
            zygote = paths.get(attempt.path) or self._zygote_of(attempt.path)
            paths[attempt.path] = zygote
            if zygote.is_ready and zygote.threads:
                zygote = self._alone(attempt, zygote)
        attempt.zygote = zygote
        if zygote.is_ready:
            zygote.tokens.add(attempt.token)
            self._claim(attempt)

    def _zygote_of(self, path: str) -> FileZygote:
        now = time.monotonic()
        zygote = self.zygotes.get(path, has_changed, now)
        if zygote.asked_at == now:
            self._limit_import(zygote)
            self.zygotes.trim()
        return zygote

    def _alone(self, attempt: Attempt, parsed: FileZygote) -> FileZygote:
        """Return a zygote of the attempt's own: a process with threads must not be forked."""
        names = ", ".join(parsed.threads[:3])
        notice = (
            f"{attempt.path} starts threads when it is imported ({names});"
            " each attempt imports it anew, which is slower. Start threads in tasks."
        )
        attempt.notices = [notice]
        zygote = self.zygotes.start(attempt.path, time.monotonic(), alone=True)
        self._limit_import(zygote)
        return zygote

    def _limit_import(self, zygote: FileZygote) -> None:
        limit_s = self._settings.import_timeout_s

        def give_up() -> None:
            if not zygote.is_parsed and zygote.number in self.zygotes.all:
                zygote.error = (
                    f"{zygote.path} was not imported within {limit_s:g} s."
                    " Move work into tasks, or raise [core] dagbag_import_timeout."
                )
                self.zygotes.kill(zygote)

        self._timers.at(zygote.asked_at + limit_s, give_up)

    def _claim(self, attempt: Attempt) -> None:
        attempt.phase = Phase.CLAIMING
        del self._waiting[attempt.token]
        self._ledger.claims.append(attempt.claim())

    # ---------------------------------------------------------------- commit, and what follows it

    def _commit(self) -> None:
        asked = [one.token for one in self._ledger.claims]
        written = self._ledger.commit(self._store, self._who, self._clock.now_us())
        granted = {one.token for one in written.claims}
        if granted:
            self._beat_soon()
        for token in asked:
            attempt = self._attempts[token]
            if token not in granted:
                self._release(attempt)
                self._drop(attempt)
            elif attempt.error:
                self._fail_unstarted(attempt)
            elif attempt.stop_reason is not None:
                self._finish(attempt, Outcome("failed", attempt.stop_reason))
            else:
                self._fork(attempt)
        if written.ended:
            self._tell_ended(written.ended)
        if self._ledger.ended:
            self._commit()

    def _fork(self, attempt: Attempt) -> None:
        zygote = attempt.zygote
        assert zygote is not None  # it was ready when the attempt was claimed
        attempt.phase = Phase.CLAIMED
        if zygote.number not in self.zygotes.all:  # it died in this very turn
            self._fork_afresh(attempt)
            return
        try:
            self._hand_over(attempt, zygote)
        except OSError as error:  # no descriptors left, for one
            self._finish(attempt, Outcome("failed", f"could not be started: {error}"))

    def _hand_over(self, attempt: Attempt, zygote: FileZygote) -> None:
        ours, theirs = socket.socketpair()
        output = self._open_log(attempt)
        assert attempt.pump is not None  # just opened
        log_fd = os.dup(attempt.pump.log_fd)
        attempt.line = Channel(ours)
        self._watch(attempt.line, lambda: self._hear_child(attempt))
        request = attempt.request(self._settings, self._clock.now_us())
        zygote.channel.send({"run": request.to_message()}, (theirs.detach(), output, log_fd))

    def _open_log(self, attempt: Attempt) -> int:
        """Make the log and the pipe into it; return the pipe's writing end."""
        key = attempt.key._replace(try_number=attempt.queued.try_number)
        try:
            log_fd = open_for_writing(self._settings.log_folder, key)
        except (OSError, ValueError) as error:  # a full disk fails no task
            logger.warning("no log for %s: %s", key, error)
            log_fd = os.open(os.devnull, os.O_WRONLY)
        reading, writing = os.pipe()
        pump = attempt.pump = Pump(reading, log_fd, self._settings.max_log_bytes)
        self._selector.register(pump, selectors.EVENT_READ, lambda: self._carry(pump))
        return writing

    def _carry(self, pump: Pump) -> None:
        pump.carry()
        if pump.is_closed:
            self._selector.unregister(pump)
            pump.close()

    def _fail_unstarted(self, attempt: Attempt) -> None:
        """End a claimed attempt whose file cannot be imported or has no such task."""
        attempt.phase = Phase.CLAIMED
        os.close(self._open_log(attempt))
        assert attempt.pump is not None  # just opened
        assert attempt.error is not None  # why this is called
        for line in attempt.error.splitlines():
            attempt.pump.note(line)
        attempt.policy = self._policy_of(attempt)
        self._finish(attempt, Outcome("failed", attempt.error.splitlines()[0][:1000]))

    def _policy_of(self, attempt: Attempt) -> RetryPolicy:
        from airflow_lite.store import dags

        key = attempt.key
        with self._store.read() as connection:
            found = dags.latest_spec(connection, key.dag_id)
        task = None if found is None else found[1].tasks.get(key.task_id)
        if task is None:
            return RetryPolicy()
        return RetryPolicy(
            task.execution_timeout_s,
            task.retries,
            task.retry_delay_s,
            task.retry_exponential_backoff,
            task.max_retry_delay_s,
        )

    def _tell_ended(self, ended: Iterable[rows.Ended]) -> None:
        tokens, ids = [], []
        for one in ended:
            attempt = self._attempts.pop(one.token)
            self.on_end(one.token, one.state)
            tokens.append(one.token)
            ids.append(attempt.queued.id)
        if self._scheduler is not None:
            self._scheduler.send({"ended": tokens})
        else:
            doorbell.ring(self._settings.home, instances=ids)

    def _tell_dropped(self) -> None:
        if not self._dropped:
            return
        dropped, self._dropped = self._dropped, []
        for token in dropped:
            self.on_end(token, None)
        if self._scheduler is not None:
            self._scheduler.send({"dropped": dropped})

    # ---------------------------------------------------------------- what zygotes and children say

    def _hear_zygote(self, zygote: FileZygote, message: dict[str, Any]) -> None:
        if "parsed" in message:
            if zygote.error is not None:
                self._blame(zygote, zygote.error)
        elif "forked" in message:
            self._forked(message)
        elif "missing" in message:
            self._missing(message["missing"], zygote)
        elif "ended" in message:
            zygote.tokens.discard(message["ended"])
            self._child_gone(message["ended"], message["code"])
            self.zygotes.close_if_idle(zygote)

    def _blame(self, zygote: FileZygote, error: str) -> None:
        """Let every attempt that waits for this zygote fail with its error."""
        for attempt in self._waiting.values():
            if attempt.zygote is zygote:
                attempt.error = error

    def _zygote_gone(self, zygote: FileZygote, code: int | None) -> None:
        if not zygote.is_parsed:
            self._import_crashed(zygote, code)
        cause = "its zygote died" if code is None else f"its zygote was {describe_end(code)}"
        if zygote.is_alone and code is not None:
            for token in list(zygote.tokens):
                self._child_gone(token, code)
        for token in list(zygote.tokens):
            attempt = self._attempts.get(token)
            if attempt is not None and attempt.pid is not None:
                kill_session(attempt.pid)
            self._child_gone(token, None, cause)
        zygote.tokens.clear()

    def _import_crashed(self, zygote: FileZygote, code: int | None) -> None:
        error = zygote.error or f"{zygote.path}: its import {describe_end(code or 0)}"
        for attempt in self._waiting.values():
            if attempt.zygote is not zygote:
                continue
            by_us = zygote.error is not None
            if not by_us and code in {None, -signal.SIGKILL} and not attempt.is_second_parse:
                attempt.is_second_parse, attempt.zygote = True, None  # someone killed it: once more
            else:
                attempt.error = error

    def _forked(self, told: dict[str, Any]) -> None:
        attempt = self._attempts.get(told["forked"])
        if attempt is None:
            return
        attempt.pid = told["pid"]
        attempt.policy = RetryPolicy(*told["policy"])
        if attempt.phase is not Phase.CLAIMED:
            return
        attempt.phase = Phase.RUNNING
        self._write_later()
        self._limit_execution(attempt)
        if attempt.stop_reason is not None:
            self._signal(attempt, self._settings.kill_grace_s)

    def _limit_execution(self, attempt: Attempt) -> None:
        limit_s = attempt.policy.execution_timeout_s if attempt.policy else None
        if limit_s is not None:
            reason = f"it ran longer than its execution_timeout of {limit_s:g} s"
            self._later(
                attempt, limit_s, lambda: self._stop(attempt, reason, self._settings.kill_grace_s)
            )

    def _missing(self, token: str, zygote: FileZygote) -> None:
        """Have the file parsed afresh, once, for a task that is not in it."""
        zygote.tokens.discard(token)
        attempt = self._attempts.get(token)
        if attempt is None:
            return
        self._close_line(attempt)
        if attempt.is_second_parse:
            key = attempt.key
            attempt.error = (
                f"There is no task {key.task_id!r} of DAG {key.dag_id!r} in {attempt.path}."
            )
            self._fail_unstarted(attempt)
            return
        self.zygotes.retire(zygote)
        self._fork_afresh(attempt)

    def _fork_afresh(self, attempt: Attempt) -> None:
        attempt.is_second_parse = True
        attempt.zygote = self._zygote_of(attempt.path)
        self._unforked.append(attempt)

    def _fork_when_parsed(self, attempt: Attempt) -> None:
        zygote = attempt.zygote
        assert zygote is not None  # just asked for
        if zygote.is_ready:
            zygote.tokens.add(attempt.token)
            self._fork(attempt)
        elif zygote.error is not None or zygote.number not in self.zygotes.all:
            attempt.error = zygote.error or f"{attempt.path}: its import ended its process"
            self._fail_unstarted(attempt)
        else:
            self._unforked.append(attempt)

    def _hear_child(self, attempt: Attempt) -> None:
        if attempt.line is None:  # closed by another event of this turn
            return
        for message in attempt.line.receive():
            self._hear(attempt, message)
        if attempt.line is not None and attempt.line.is_closed:
            self._close_line(attempt)  # its zygote tells how it ended

    def _hear(self, attempt: Attempt, message: dict[str, Any]) -> None:
        if "push" in message:
            key, value = message["push"]
            ids = attempt.queued.run.id, attempt.key.task_id, attempt.key.map_index
            self._ledger.xcoms.append(xcoms.XComValue(*ids, key, value))
        elif "rendered" in message:
            self._ledger.rendered[attempt.queued.id] = message["rendered"]
            self._write_later()
        elif "outcome" in message:
            self._outcome(attempt, Outcome(**message["outcome"]), more=message["more"])
        elif "done" in message:
            self._finish(attempt, attempt.outcome or Outcome("failed", "no outcome"))
        else:
            self._questions.append((attempt, message))

    def _outcome(self, attempt: Attempt, outcome: Outcome, *, more: bool) -> None:
        if attempt.phase not in {Phase.CLAIMED, Phase.RUNNING}:
            return
        attempt.outcome = replace(outcome, exit_code=0)
        if not more:
            self._finish(attempt, attempt.outcome)
            return
        attempt.phase = Phase.CALLING_BACK
        self._cancel_timers(attempt)
        self._later(
            attempt, self._settings.callback_timeout_s, lambda: self._callbacks_overran(attempt)
        )

    def _callbacks_overran(self, attempt: Attempt) -> None:
        if attempt.pump is not None:
            limit_s = self._settings.callback_timeout_s
            attempt.pump.note(f"The callbacks ran longer than {limit_s:g} s and were killed.")
        if attempt.pid is not None:
            kill_session(attempt.pid)
        self._finish(attempt, attempt.outcome or Outcome("failed", "no outcome"))

    def _child_gone(self, token: str, code: int | None, cause: str | None = None) -> None:
        """Take note that an attempt's process has ended."""
        attempt = self._attempts.get(token)
        if attempt is None or not attempt.is_claimed:
            return
        if attempt.line is not None:
            self._hear_child(attempt)  # what it said last
        if attempt.phase is Phase.ENDING:
            return
        if attempt.outcome is not None:
            self._finish(attempt, attempt.outcome)
            return
        how = cause or describe_end(code or 0)
        if attempt.stop_reason is not None:
            how = f"{attempt.stop_reason}; {how}"
        if attempt.pump is not None:
            attempt.pump.carry()
            attempt.pump.note(f"The task's process: {how}.")
        self._finish(attempt, Outcome("failed", how, exit_code=code))

    def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        """Put the end of an attempt into the next commit."""
        if attempt.phase is Phase.ENDING:
            return
        attempt.phase = Phase.ENDING
        self._release(attempt)
        ended = attempt.ended(outcome, self._clock.now_us(), self._settings.max_retry_delay_s)
        self._ledger.ended.append(ended)

    def _release(self, attempt: Attempt) -> None:
        self._cancel_timers(attempt)
        self._close_line(attempt)
        if attempt.pump is not None and not attempt.pump.is_closed:
            attempt.pump.carry()
        zygote = attempt.zygote
        if zygote is not None and not attempt.is_claimed:
            zygote.tokens.discard(attempt.token)

    def _close_line(self, attempt: Attempt) -> None:
        if attempt.line is not None:
            self._unwatch(attempt.line)
            attempt.line.close()
            attempt.line = None

    # ---------------------------------------------------------------- stopping

    def _stop(self, attempt: Attempt, reason: str, grace_s: float) -> None:
        if attempt.phase in {Phase.NEW, Phase.WAITING}:
            self._drop(attempt)
        elif attempt.phase in {Phase.CLAIMING, Phase.CLAIMED, Phase.RUNNING}:
            attempt.stop_reason = attempt.stop_reason or reason
            if attempt.pid is not None:
                self._signal(attempt, grace_s)
        elif attempt.phase is Phase.CALLING_BACK and grace_s <= 0:
            self._callbacks_overran(attempt)

    def _signal(self, attempt: Attempt, grace_s: float) -> None:
        assert attempt.pid is not None  # it was forked
        if grace_s <= 0:
            kill_session(attempt.pid)
            return
        with suppress(ProcessLookupError):
            os.kill(attempt.pid, signal.SIGTERM)
        pid = attempt.pid
        self._later(attempt, grace_s, lambda: kill_session(pid))

    def _later(self, attempt: Attempt, delay_s: float, act: Callable[[], None]) -> None:
        attempt.timers.append(self._timers.at(time.monotonic() + delay_s, act))

    def _cancel_timers(self, attempt: Attempt) -> None:
        for timer in attempt.timers:
            timer.cancel()
        attempt.timers.clear()

    # ---------------------------------------------------------------- beats and what can wait

    def _beat_soon(self) -> None:
        if not self._is_beating:
            self._is_beating = True
            self._timers.at(time.monotonic() + self._settings.beat_interval_s, self._beat)

    def _beat(self) -> None:
        self._is_beating = False
        claimed = {one.queued.id: one for one in self._attempts.values() if one.is_claimed}
        if not claimed:
            return
        self._ledger.beats = True
        if not self._store_fails:
            self._look_after(claimed)
        self._beat_soon()

    def _look_after(self, claimed: dict[int, Attempt]) -> None:
        """Stop what was cleared, marked or deleted while it ran."""
        try:
            with self._store.read() as connection:
                found = {row.id: row for row in rows.watch(connection, list(claimed))}
        except SQLAlchemyError as error:
            logger.warning("the task host cannot look at its rows: %s", error)
            return
        for row_id, attempt in claimed.items():
            row = found.get(row_id)
            if attempt.phase is Phase.ENDING or attempt.stop_reason is not None:
                continue
            if row is None or row.attempt != attempt.token or row.state != "running":
                state = "deleted" if row is None else f"set to {row.state}"
                self._stop(attempt, f"its row was {state}", self._settings.kill_grace_s)

    def _write_later(self) -> None:
        if not self._is_lazy_due:
            self._is_lazy_due = True
            self._timers.at(time.monotonic() + LAZY_S, self._write_now)

    def _write_now(self) -> None:
        self._is_lazy_due = False
        self._must_flush = True
        running = [
            one for one in self._attempts.values() if one.phase is Phase.RUNNING and not one.is_told
        ]
        for attempt in running:
            attempt.is_told = True
            self._note_process(attempt)
        if running and self._scheduler is not None:
            self._scheduler.send({"running": [one.token for one in running]})

    def _note_process(self, attempt: Attempt) -> None:
        pid = attempt.pid
        start = None if pid is None else process_start(pid)
        if pid is not None and start is not None:
            started = rows.Started(attempt.token, attempt.queued.id, pid, start, pid)
            self._ledger.started.append(started)

    def _answer(self) -> None:
        if not self._questions:
            return
        questions, self._questions = self._questions, []
        with self._store.read() as connection:
            for attempt, message in questions:
                if attempt.line is not None:
                    attempt.line.send({"value": self._value(connection, attempt, message)})

    def _value(self, connection: Any, attempt: Attempt, message: dict[str, Any]) -> Any:
        if "pull" in message:
            return [list(row) for row in xcoms.get(connection, xcoms.XComQuery(**message["pull"]))]
        run = attempt.queued.run
        found = rows.previous_run(connection, run.dag_id, run.logical_us, message["previous_run"])
        return None if found is None else found.fields()

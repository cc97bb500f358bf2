"""From a command to a child: rows looked up, files parsed, attempts claimed and forked."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.folder import LOOK_AGAIN_S, has_changed
from airflow_lite.processes.limits import is_shortage
from airflow_lite.processes.packing import send
from airflow_lite.processes.proc import describe_end
from airflow_lite.store import queued
from airflow_lite.worker.host import ending
from airflow_lite.worker.host.attempt import Attempt, Phase
from airflow_lite.worker.host.pickles import PickleRefused, Pickles
from airflow_lite.worker.host.task_line import TaskLine
from airflow_lite.worker.messages import ForkAttempt, Outcome
from airflow_lite.worker.task_log.paths import open_for_writing
from airflow_lite.worker.task_log.pipe import LogPipe

if TYPE_CHECKING:
    from airflow_lite.worker.host.monitor import AttemptMonitor
    from airflow_lite.worker.host.state import HostState
    from airflow_lite.worker.host.zygote_pool import ZygoteHandle, ZygotePool

logger = logging.getLogger(__name__)

#: A fork gets as long as an import does, and so many seconds at the least.
_LEAST_FORK_S = 10.0


class Launcher:
    """Brings attempts from the command to a running child."""

    def __init__(self, state: HostState, zygotes: ZygotePool, monitor: AttemptMonitor) -> None:
        self._state = state
        self._zygotes = zygotes
        self._monitor = monitor
        self._pickles = Pickles(state.settings, state.store)
        self._settling: set[str] = set()  # files that are not imported again just now
        self._has_changed = partial(has_changed, folder=state.settings.dags_folder)
        self._unforked: list[Attempt] = []  # claimed, and their file is parsed once more

    @property
    def wants_rows(self) -> bool:
        """Whether there is room for more attempts than those whose rows are read.

        Where it is not, new ones wait, so that one statement reads the rows of many.
        """
        waiting = self._state.waiting.values()
        if not any(attempt.phase is Phase.NEW for attempt in waiting):
            return False
        return sum(map(self._may_start, waiting)) < self._state.room

    def _may_start(self, attempt: Attempt) -> bool:
        if attempt.phase is not Phase.WAITING or attempt.path in self._settling:
            return False
        return attempt.zygote is None or attempt.zygote.is_ready

    def look_up(self) -> None:
        """Read the rows of new attempts; let go of those that are not queued for this host."""
        if not self.wants_rows:
            return
        new = [attempt for attempt in self._state.waiting.values() if attempt.phase is Phase.NEW]
        with self._state.store.read_one() as connection:
            rows = queued.find(connection, [attempt.key for attempt in new])
        for attempt in new:
            row = rows.get(attempt.key.primary)
            if row is None or row.state != "queued" or row.attempt != attempt.token:
                self._state.drop(attempt)
                continue
            attempt.row, attempt.phase = row, Phase.WAITING
            self._locate(attempt)

    def _locate(self, attempt: Attempt) -> None:
        settings = self._state.settings
        try:
            attempt.locate(settings.dags_folder, needs_pickle=settings.needs_pickles)
        except AirflowDagException as error:
            attempt.error = str(error)

    def ask_zygotes(self) -> None:
        """Claim what a zygote is ready for; order zygotes for the rest."""
        unforked, self._unforked = self._unforked, []
        for attempt in unforked:
            self._fork_when_parsed(attempt)
        paths: dict[str, ZygoteHandle] = {}
        room = self._state.room if self._state.waiting else 0
        for attempt in list(self._state.waiting.values()):
            if room <= 0:
                return
            if attempt.path in self._settling:
                continue
            if attempt.phase is Phase.WAITING and not attempt.error:
                self._ask_zygote(attempt, paths)
            if attempt.phase is Phase.WAITING and attempt.error:
                self._claim(attempt)
            room -= attempt.phase is Phase.CLAIMING

    def _ask_zygote(self, attempt: Attempt, paths: dict[str, ZygoteHandle]) -> None:
        zygote = attempt.zygote
        if zygote is None or not zygote.is_alone:
            try:
                zygote = paths.get(attempt.path) or self._zygote_of(attempt)
                paths[attempt.path] = zygote
                if zygote.is_ready and zygote.is_shared_badly:
                    zygote = self._alone(attempt, zygote)
            except PickleRefused as error:
                attempt.error = str(error)
                return
            except OSError as error:  # no descriptor left
                self._state.shortage.fail(str(error))
                return
        attempt.zygote = zygote
        if zygote.is_ready:
            zygote.tokens.add(attempt.token)
            self._claim(attempt)

    def _zygote_of(self, attempt: Attempt) -> ZygoteHandle:
        now = self._state.clock.monotonic()
        load = partial(self._payload, attempt)
        zygote = self._zygotes.get(attempt.path, self._has_changed, now, load)
        if zygote.asked_at == now:
            self._limit_import(zygote)
            self._zygotes.trim()
        return zygote

    def _payload(self, attempt: Attempt) -> bytes | None:
        """Return the pickled DAG to run from, its signature checked; None: it is run from a file.

        Raises `PickleRefused`.
        """
        if attempt.command.pickle_id is None:
            return None
        if attempt.zygote is not None:  # checked when that was made
            return attempt.zygote.payload
        return self._pickles.checked(attempt.command.pickle_id, attempt.key.dag_id)

    def _alone(self, attempt: Attempt, parsed: ZygoteHandle) -> ZygoteHandle:
        """Return a zygote of the attempt's own, in which nothing is shared with other attempts."""
        attempt.notices = (_notice(parsed),)
        zygote = self._zygotes.start(
            attempt.path, self._state.clock.monotonic(), alone=True, payload=parsed.payload
        )
        self._limit_import(zygote)
        return zygote

    def _limit_import(self, zygote: ZygoteHandle) -> None:
        limit_s = self._state.settings.import_timeout_s

        def give_up() -> None:
            if self._state.questions.is_waiting(zygote.channel):  # the database, not the file
                self._state.after(limit_s, give_up)
            elif not zygote.is_parsed and zygote.number in self._zygotes.all:
                zygote.error = (
                    f"{zygote.path} was not imported within {limit_s:g} s."
                    " Move work into tasks, or raise [core] dagbag_import_timeout."
                )
                self._zygotes.kill(zygote)

        self._state.timers.at(zygote.asked_at + limit_s, give_up)

    def _claim(self, attempt: Attempt) -> None:
        attempt.phase = Phase.CLAIMING
        del self._state.waiting[attempt.token]
        self._state.batch.claims.append(attempt.claim())

    def fork_ahead(self, attempt: Attempt) -> None:
        """Have an attempt's process forked while its claim is written: it begins no code before.

        What cannot be done yet is tried again once the claim is granted.
        """
        zygote = attempt.zygote
        is_ready = zygote is not None and zygote.number in self._zygotes.all
        if is_ready and not (attempt.is_handed_over or attempt.error or attempt.stop_reason):
            assert zygote is not None  # as just seen
            with suppress(OSError):
                self._hand_over(attempt, zygote)
                attempt.is_handed_over = True

    def begin(self, attempt: Attempt) -> None:
        """Let the process of a claimed attempt run its code; fork it first where that is due."""
        zygote = attempt.zygote
        assert zygote is not None  # it was ready when the attempt was claimed
        attempt.phase = Phase.CLAIMED
        if zygote.number not in self._zygotes.all:  # it died in this very turn
            ending.close_line(attempt)
            attempt.is_handed_over = False
            attempt.held.clear()
            self._fork_afresh(attempt)
            return
        try:
            if not attempt.is_handed_over:
                self._hand_over(attempt, zygote)
        except OSError as error:  # no descriptors left, for one
            self._not_started(attempt, error)
            return
        attempt.is_handed_over = False
        if attempt.line is None:  # it ended while the claim was written
            self._monitor.expect_end(attempt)
            return
        attempt.line.begin(self._state.clock.monotonic())
        self._expect_fork(attempt, zygote)

    def _not_started(self, attempt: Attempt, error: OSError) -> None:
        cause = f"could not be started: {error}"
        if is_shortage(error):
            ending.give_back(self._state, attempt, cause)
        else:
            ending.finish(self._state, attempt, Outcome("failed", cause))

    def _hand_over(self, attempt: Attempt, zygote: ZygoteHandle) -> None:
        with ExitStack() as undo:
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            undo.callback(theirs.close)
            output = self._open_log(attempt)
            undo.callback(os.close, output)
            assert attempt.log_pipe is not None  # just opened
            log_fd = os.dup(attempt.log_pipe.log_fd)
            undo.pop_all()
        hear = partial(self._monitor.hear_child, attempt)
        attempt.line = TaskLine(ours, self._state, hear, self._state.settings.max_xcom_bytes)
        request = attempt.request(self._state.settings, self._state.clock.now_us())
        send(zygote.channel, ForkAttempt(request), (theirs.detach(), output, log_fd))

    def _expect_fork(self, attempt: Attempt, zygote: ZygoteHandle, tries: int = 2) -> None:
        """Fail an attempt whose zygote hangs; one that was suspended, as we may be, gets its time.

        So the limit comes in two halves, of which the first may pass at once. It begins anew
        whenever the zygote forks another: forks that take long are awaited one after the other.
        """
        limit_s = max(self._state.settings.import_timeout_s, _LEAST_FORK_S)
        forks = zygote.forks

        def look() -> None:
            if attempt.phase is not Phase.CLAIMED or attempt.zygote is not zygote:
                return
            if zygote.forks != forks:
                self._expect_fork(attempt, zygote)
                return
            if tries > 1:
                self._expect_fork(attempt, zygote, tries - 1)
                return
            reason = (
                f"its process was not forked within {limit_s:g} s:"
                " a library's at-fork handler may hang"
            )
            ending.finish(self._state, attempt, Outcome("failed", reason, is_reported=False))
            self._monitor.give_up(zygote)

        self._state.later(attempt, limit_s / 2, look)

    def _open_log(self, attempt: Attempt) -> int:
        """Make the log and the pipe into it; return the pipe's writing end."""
        key = attempt.key._replace(try_number=attempt.queued.try_number)
        try:
            log_fd = open_for_writing(self._state.settings.log_folder, key)
        except (OSError, ValueError) as error:  # a full disk fails no task
            if isinstance(error, OSError) and is_shortage(error):
                raise
            logger.warning("no log for %s: %s", key, error)
            attempt.log_error = str(error)
            log_fd = os.open(os.devnull, os.O_WRONLY)
        try:
            reading, writing = os.pipe()
        except OSError:
            os.close(log_fd)
            raise
        if attempt.log_pipe is not None:  # of a fork that came to nothing
            attempt.log_pipe.release()
        limit = self._state.settings.max_log_bytes
        log_pipe = attempt.log_pipe = LogPipe(reading, log_fd, limit, self._state.mask)
        self._state.selector.register(log_pipe, selectors.EVENT_READ, lambda: self._carry(log_pipe))
        return writing

    def _carry(self, log_pipe: LogPipe) -> None:
        log_pipe.carry()
        if log_pipe.is_closed:
            self._state.selector.unregister(log_pipe)
            log_pipe.close()

    def fail_unstarted(self, attempt: Attempt) -> None:
        """End a claimed attempt whose file cannot be imported or has no such task."""
        attempt.phase = Phase.CLAIMED
        try:
            os.close(self._open_log(attempt))
        except OSError as error:
            self._not_started(attempt, error)
            return
        assert attempt.log_pipe is not None  # just opened
        assert attempt.error is not None  # why this is called
        for line in attempt.error.splitlines():
            attempt.log_pipe.note(line)
        ending.finish(self._state, attempt, Outcome("failed", attempt.error.splitlines()[0][:1000]))

    def blame(self, zygote: ZygoteHandle, error: str) -> None:
        """Let every attempt that waits for this zygote fail with its error.

        If its file was changed just now, it is imported anew a little later instead.
        """
        waiting = [one for one in self._state.waiting.values() if one.zygote is zygote]
        if zygote.is_settling:
            self._import_later(zygote)
        for attempt in waiting:
            if zygote.is_settling:
                attempt.zygote = None
            else:
                attempt.error = error

    def _import_later(self, zygote: ZygoteHandle) -> None:
        again_at = self._state.clock.monotonic() + LOOK_AGAIN_S
        self._settling.add(zygote.path)
        self._state.timers.at(again_at, lambda: self._settling.discard(zygote.path))
        self._zygotes.retire(zygote)

    def import_crashed(self, zygote: ZygoteHandle, code: int | None) -> None:
        """Act on a zygote that ended before it had imported its file."""
        if zygote.is_short:
            self._state.shortage.fail(str(zygote.error))
        error = zygote.error or f"{zygote.path}: its import {describe_end(code or 0)}"
        for attempt in self._state.waiting.values():
            if attempt.zygote is not zygote:
                continue
            if zygote.is_short:
                attempt.zygote = None  # there may be a process later
                continue
            by_us = zygote.error is not None
            if not by_us and code in {None, -signal.SIGKILL} and not attempt.is_second_parse:
                attempt.is_second_parse, attempt.zygote = True, None  # someone killed it: once more
            else:
                attempt.error = error

    def missing(self, token: str, zygote: ZygoteHandle) -> None:
        """Have the file parsed afresh, once, for a task that is not in it."""
        zygote.tokens.discard(token)
        attempt = self._state.attempts.get(token)
        if attempt is None:
            return
        ending.close_line(attempt)
        if attempt.is_second_parse and zygote.is_settling:
            self._zygotes.retire(zygote)
            self._state.later(attempt, LOOK_AGAIN_S, lambda: self._fork_afresh(attempt))
            return
        if attempt.is_second_parse:
            key = attempt.key
            attempt.error = (
                f"There is no task {key.task_id!r} of DAG {key.dag_id!r} in {attempt.path}."
            )
            self.fail_unstarted(attempt)
            return
        self._zygotes.retire(zygote)
        self._fork_afresh(attempt)

    def _fork_afresh(self, attempt: Attempt) -> None:
        attempt.is_second_parse = True
        try:
            attempt.zygote = self._zygote_of(attempt)
        except OSError as error:
            self._not_started(attempt, error)
            return
        self._unforked.append(attempt)

    def _fork_when_parsed(self, attempt: Attempt) -> None:
        zygote = attempt.zygote
        assert zygote is not None  # just asked for
        if zygote.is_ready:
            zygote.tokens.add(attempt.token)
            self.begin(attempt)
        elif zygote.is_short:
            ending.give_back(self._state, attempt, str(zygote.error))
        elif zygote.is_settling and zygote.error is not None:
            self._state.later(attempt, LOOK_AGAIN_S, lambda: self._fork_afresh(attempt))
        elif zygote.error is not None or zygote.number not in self._zygotes.all:
            attempt.error = zygote.error or f"{attempt.path}: its import ended its process"
            self.fail_unstarted(attempt)
        else:
            self._unforked.append(attempt)


def _notice(parsed: ZygoteHandle) -> str:
    """Say why attempts are not forked from the process that imported a file."""
    did, do = "starts threads", "Start threads"
    if not parsed.threads:
        did, do = "leaves files or sockets open", "Open them"
    names = ", ".join((parsed.threads or parsed.descriptors)[:3])
    return (
        f"{parsed.path} {did} when it is imported ({names});"
        f" each attempt imports it anew, which is slower. {do} in tasks."
    )

"""Attempts that were handed to a zygote: what they say, how they end, how they are stopped."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite.processes.packing import send
from airflow_lite.processes.proc import (
    describe_end,
    is_over,
    kill_session,
    process_start,
)
from airflow_lite.store import attempts as rows
from airflow_lite.store import xcom_values
from airflow_lite.worker.host import ending
from airflow_lite.worker.host.attempt import Attempt, Phase
from airflow_lite.worker.host.said import BadLineError, is_sound
from airflow_lite.worker.host.write_batch import Pushed, Rendered
from airflow_lite.worker.messages import (
    AcceptLines,
    Answer,
    Ask,
    AskMode,
    CallbacksDone,
    HideSecrets,
    Outcome,
    PushXCom,
    ReportOutcome,
    SaveRendered,
)
from airflow_lite.worker.task.deferral import counted_s

if TYPE_CHECKING:
    from airflow_lite.processes.channel import Channel
    from airflow_lite.worker.host.state import HostState
    from airflow_lite.worker.host.zygote_pool import ZygoteHandle, ZygotePool
    from airflow_lite.worker.messages import AttemptForked, ChildMessage, ForkFailed


#: Seconds between two looks at a process whose end its zygote should have reported.
_END_LOOK_S = 5.0
#: Seconds after its time limit at which a child that its own alarm did not end is signalled.
_ALARM_S = 2.0
_NO_MESSAGE = "its code wrote to the socket on which its process reports to the task host: "


class AttemptMonitor:
    """Watches over attempts from their fork to their end."""

    def __init__(self, state: HostState, zygotes: ZygotePool) -> None:
        self._state = state
        self._zygotes = zygotes

    def forked(self, message: AttemptForked) -> None:
        """Take note of the process that runs an attempt."""
        attempt = self._state.attempts.get(message.token)
        if attempt is None or not is_sound(message):
            return
        attempt.pid = message.pid
        attempt.policy = message.policy
        if attempt.phase is not Phase.CLAIMED:
            return
        attempt.phase = Phase.RUNNING
        self._state.shortage.succeed()
        self._state.write_later()
        self._limit_execution(attempt)
        if attempt.stop_reason is not None:
            self._signal(attempt, self._state.settings.kill_grace_s)

    def fork_failed(self, message: ForkFailed) -> None:
        """End an attempt that no process could be made for, or let it wait for better times."""
        attempt = self._state.attempts.get(message.token)
        if attempt is None or attempt.phase is not Phase.CLAIMED:
            return
        cause = f"could not be started: {message.error}"
        if message.is_shortage:
            ending.give_back(self._state, attempt, cause)
        else:
            ending.finish(self._state, attempt, Outcome("failed", cause, is_reported=False))

    def _limit_execution(self, attempt: Attempt) -> None:
        limit_s = attempt.policy.execution_timeout_s if attempt.policy else None
        if limit_s is not None:
            reason = f"it ran longer than its execution_timeout of {limit_s:g} s"
            self._state.later(
                attempt,
                limit_s - counted_s(attempt.passed_s, limit_s) + _ALARM_S,
                lambda: self.stop(attempt, reason, self._state.settings.kill_grace_s),
            )

    def hear_child(self, attempt: Attempt) -> None:
        """Act on what an attempt's processes have said."""
        if attempt.line is None:  # closed by another event of this turn
            return
        try:
            for line, message in attempt.line.receive():
                self._hear(attempt, line, message)
        except BadLineError as error:
            self._break_off(attempt, f"{_NO_MESSAGE}{error}")
            return
        if attempt.line is not None and attempt.line.is_closed:
            ending.close_line(attempt)  # its zygote reports how it ended
            self.expect_end(attempt)

    def _break_off(self, attempt: Attempt, reason: str) -> None:
        """End an attempt whose line makes no sense any more; an outcome that it told of counts."""
        ending.close_line(attempt)
        if attempt.outcome is None:
            self.stop(attempt, reason, 0.0)
            self.expect_end(attempt)
        else:
            self._end_callbacks(attempt, f"The callbacks were killed: {reason}.")

    def expect_end(self, attempt: Attempt, looks: int = 2) -> None:
        """End an attempt whose process is gone, though its zygote hangs and reports nothing.

        Both looks find it so: a zygote that was suspended, as we may have been, gets its time, and
        one that forks meanwhile does not hang.
        """
        forks = attempt.zygote.forks if attempt.zygote is not None else 0

        def look() -> None:
            if attempt.phase not in {Phase.CLAIMED, Phase.RUNNING, Phase.CALLING_BACK}:
                return
            zygote = attempt.zygote
            is_busy = zygote is None or zygote.forks != forks
            is_there = attempt.pid is None or not is_over(attempt.pid)
            left = 2 if is_busy or is_there else looks - 1
            if left:
                self.expect_end(attempt, left)
                return
            self.child_gone(attempt.token, None, "ended; its zygote hangs and did not report how")
            if zygote is not None:
                self.give_up(zygote)

        self._state.later(attempt, _END_LOOK_S, look)

    def give_up(self, zygote: ZygoteHandle) -> None:
        """Fork no more from a zygote that hangs, and kill it in the end."""
        if zygote.number in self._zygotes.all:
            self._zygotes.retire(zygote)
            self._bury(zygote)

    def _bury(self, zygote: ZygoteHandle) -> None:
        """Kill a zygote that hangs, once nothing that it forked before talks to us any more."""
        if zygote.number not in self._zygotes.all:
            return
        attempts = self._state.attempts.values()
        if any(attempt.zygote is zygote and attempt.line is not None for attempt in attempts):
            delay_s = self._state.settings.beat_interval_s
            again_at = self._state.clock.monotonic() + delay_s
            self._state.timers.at(again_at, partial(self._bury, zygote))
        else:
            self._zygotes.kill(zygote)

    def _hear(self, attempt: Attempt, line: Channel, message: ChildMessage) -> None:
        match message:
            case PushXCom(key, value):
                ids = attempt.queued.run.id, attempt.key.task_id, attempt.key.map_index
                pushed = Pushed(attempt.token, xcom_values.XComValue(*ids, key, value))
                self._state.batch.xcoms.append(pushed)
            case SaveRendered(fields):
                rendered = Rendered(attempt.token, attempt.queued.id, fields)
                self._state.batch.rendered.append(rendered)
                self._state.write_later()
            case ReportOutcome():
                self._take_outcome(attempt, message)
            case CallbacksDone():
                self._finish_called_back(attempt)
            case Ask():
                self._state.questions.add(attempt, line, message)
            case HideSecrets():
                _hide(attempt, line, message)
            case AskMode(number):
                send(line, Answer(number, self._state.settings.finds_rescheduling()))
            case AcceptLines():
                pass  # the line itself has seen to it

    def _take_outcome(self, attempt: Attempt, report: ReportOutcome) -> None:
        attempt.policy = report.policy  # its zygote may report the fork later
        if attempt.phase not in {Phase.CLAIMED, Phase.RUNNING}:
            return
        attempt.outcome = report.outcome._replace(exit_code=0)
        if not report.has_more:
            ending.finish(self._state, attempt, attempt.outcome)
            return
        attempt.phase = Phase.CALLING_BACK
        self._state.cancel_timers(attempt)
        self._state.later(
            attempt,
            self._state.settings.callback_timeout_s,
            lambda: self._callbacks_overran(attempt),
        )

    def _callbacks_overran(self, attempt: Attempt) -> None:
        limit_s = self._state.settings.callback_timeout_s
        self._end_callbacks(
            attempt, f"The callbacks ran longer than {limit_s:g} s and were killed."
        )

    def _end_callbacks(self, attempt: Attempt, why: str) -> None:
        if attempt.log_pipe is not None:
            attempt.log_pipe.note(why)
        if attempt.pid is not None:
            kill_session(attempt.pid)
        self._finish_called_back(attempt)

    def _finish_called_back(self, attempt: Attempt) -> None:
        outcome = attempt.outcome or Outcome("failed", "it called back without an outcome")
        ending.finish(self._state, attempt, outcome)

    def child_gone(self, token: str, code: int | None, cause: str | None = None) -> None:
        """Take note that an attempt's process has ended."""
        attempt = self._state.attempts.get(token)
        if attempt is None or not attempt.is_claimed:
            return
        if attempt.line is not None:
            self.hear_child(attempt)  # what it said last
        if attempt.phase is Phase.ENDING:
            return
        if attempt.outcome is not None:
            ending.finish(self._state, attempt, attempt.outcome)
            return
        is_stopped = attempt.stop_reason is not None
        how = cause or describe_end(code or 0, is_stopped=is_stopped)
        if is_stopped:
            how = f"{attempt.stop_reason}; {how}"
        if attempt.log_pipe is not None:
            attempt.log_pipe.carry()
            attempt.log_pipe.note(f"The task's process: {how}.")
        outcome = Outcome("failed", how, exit_code=code, is_reported=False)
        ending.finish(self._state, attempt, outcome)

    def stop(self, attempt: Attempt, reason: str, grace_s: float) -> None:
        """End an attempt early, whatever it is at."""
        if attempt.phase in {Phase.NEW, Phase.WAITING}:
            self._state.drop(attempt)
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
        self._state.later(attempt, grace_s, lambda: kill_session(pid))

    def announce(self) -> list[str]:
        """Return the tokens of what runs and was not returned yet; note the processes of these."""
        running = [
            attempt
            for attempt in self._state.attempts.values()
            if attempt.phase is Phase.RUNNING and not attempt.is_announced
        ]
        for attempt in running:
            attempt.is_announced = True
            self.note_process(attempt)
        return [attempt.token for attempt in running]

    def note_process(self, attempt: Attempt) -> None:
        """Put the process of an attempt into the next commit."""
        pid = attempt.pid
        start = None if pid is None else process_start(pid)
        if pid is not None and start is not None:
            started = rows.Started(attempt.token, attempt.queued.id, pid, start, pid)
            self._state.batch.started.append(started)


def _hide(attempt: Attempt, line: Channel, message: HideSecrets) -> None:
    """Mask what a task says is secret before it goes on, and prints by what it starts."""
    if attempt.log_pipe is not None:
        attempt.log_pipe.hide(filter(None, message.secrets))
    send(line, Answer(message.number))

"""The process of triggers as the one that started it sees it: started, fed, replaced, ended."""

from __future__ import annotations

import json
import logging
import os
import socket
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from airflow_lite.config import child_environment
from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.children import Child
from airflow_lite.processes.packing import receive, send, send_all
from airflow_lite.processes.programs import BLOCKED, Program
from airflow_lite.security.signing import KEY_VARIABLE
from airflow_lite.triggerer.messages import (
    ASKED,
    FROM_RUNNER,
    RunnerOptions,
    StopTrigger,
    TriggerBegan,
    TriggerFailed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.processes.children import End
    from airflow_lite.processes.waker import Waker
    from airflow_lite.triggerer.messages import RunnerReport, StartTrigger, TriggerKey
    from airflow_lite.worker.messages import Answer, Ask

logger = logging.getLogger(__name__)

#: Seconds until a process that died is replaced; doubled up to the longest.
_FIRST_RESTART_S, _LONGEST_RESTART_S = 0.1, 30.0
#: A process that lived so long, in seconds, starts the doubling anew.
_LIVED_WELL_S = 60.0
#: So long, in seconds, a process without triggers is kept for the next one.
_IDLE_S = 10.0
#: So many questions are answered at once: triggers that ask and ask keep nothing else waiting.
MOST_AT_ONCE = 100


@dataclass
class _Process:
    """One process, our ends of its two sockets, and which triggers it was given."""

    child: Child
    orders: Channel
    questions: Channel
    started_at: float
    begun: set[TriggerKey] = field(default_factory=set)
    sent: set[TriggerKey] = field(default_factory=set)
    asked: dict[int, Ask] = field(default_factory=dict)  # by their numbers


class TriggerProcess:
    """Has triggers run in one process, which is there while there are any. No method blocks.

    `answer` is called with questions of triggers' code when they come, `MOST_AT_ONCE` at most, and
    yields their answers; the waker's wait goes on then. Those for which it raises are kept, and
    `poll` calls it again.
    What is to be run is kept here: when the process dies another runs it all. A trigger with which
    it died before the trigger had taken a step is started by itself then, and if it dies again, the
    trigger has failed by that.
    `poll` is called when the waker woke, and `wait_s` tells when at the latest.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        waker: Waker,
        answer: Callable[[Sequence[Ask]], Iterable[Answer]],
    ) -> None:
        self._config = config
        self._clock = clock
        self._waker = waker
        self._answers_to = answer
        self._triggers: dict[TriggerKey, StartTrigger] = {}
        self._new: dict[TriggerKey, StartTrigger] = {}  # of these, what the process was not given
        self._suspects: set[TriggerKey] = set()  # each of them may have killed the process
        self._process: _Process | None = None
        self._backoff = Backoff(_FIRST_RESTART_S, _LONGEST_RESTART_S)
        self._idle_since: float | None = None

    @property
    def keys(self) -> set[TriggerKey]:
        """What is run, or waits for a process to run it."""
        return {*self._triggers}

    @property
    def pid(self) -> int | None:
        """The number of the process, if there is one."""
        return None if self._process is None else self._process.child.pid

    def start(self, triggers: Iterable[StartTrigger]) -> None:
        """Run these, too."""
        new = {trigger.key: trigger for trigger in triggers}
        self._triggers.update(new)
        self._new.update(new)
        self._send_new()

    def stop(self, keys: Iterable[TriggerKey]) -> None:
        """Run these no more."""
        for key in keys:
            self._forget(key)
            if self._process is not None and key in self._process.sent:
                self._process.sent.discard(key)
                send(self._process.orders, StopTrigger(*key))

    def _forget(self, key: TriggerKey) -> None:
        self._triggers.pop(key, None)
        self._new.pop(key, None)
        self._suspects.discard(key)

    def poll(self) -> list[RunnerReport]:
        """Return what triggers told, each of which is run no more then; replace a dead process.

        Raises what `answer` raises, and may be called again then.
        """
        reports: list[RunnerReport] = []
        if (process := self._process) is not None:
            self._take_questions(process)
            self._answer(process)  # before reports are taken, which it would lose if it raises
            reports = self._hear(process)
            process.orders.flush()
            if (end := process.child.poll()) is not None:
                reports += self._hear(process)  # its last words
                reports += self._bury(process, end)
        self._end_if_idle()
        self._send_new()
        return reports

    def _hear(self, process: _Process) -> list[RunnerReport]:
        told: list[RunnerReport] = []
        for report in receive(process.orders, FROM_RUNNER):
            key = (report.row, report.token)
            if isinstance(report, TriggerBegan):
                process.begun.add(key)
                self._suspects.discard(key)
            elif key in self._triggers:
                self._forget(key)
                process.sent.discard(key)
                told.append(report)
        return told

    def _take_questions(self, process: _Process) -> None:
        process.asked.update((ask.number, ask) for ask in receive(process.questions, ASKED))
        if process.questions.is_closed:
            self._waker.unwatch(process.questions.fileno())  # it would wake for ever

    def _answer(self, process: _Process) -> None:
        """Answer what was asked; what `answer` raises leaves the questions as they are."""
        process.questions.flush()
        if process.asked and not process.questions.has_unsent:
            answers = []
            try:
                for answer in self._answers_to([*islice(process.asked.values(), MOST_AT_ONCE)]):
                    process.asked.pop(answer.number, None)
                    answers.append(answer)
            finally:
                send_all(process.questions, answers)

    def _answer_at_once(self) -> bool:
        """Answer what was asked just now; True where that is left to `poll`."""
        process = self._process
        assert process is not None  # its line is watched
        self._take_questions(process)
        try:
            self._answer(process)
        except Exception:  # such as of a database that is away: `poll` meets it, too
            return True
        return bool(process.asked) or process.questions.is_closed

    def _bury(self, process: _Process, end: End) -> list[RunnerReport]:
        """Let go of a process that died; return the failure of the trigger that killed it."""
        now = self._clock.monotonic()
        if now - process.started_at >= _LIVED_WELL_S:
            self._backoff.succeed()
        self._let_go(process)
        suspects = process.sent - process.begun
        if end.code == BLOCKED:
            return []  # whose fault that was, it has told
        delay_s = self._backoff.fail(now)
        logger.warning(
            "the process of triggers ended %s; another runs its %d triggers in %g s",
            end,
            len(self._triggers),
            delay_s,
        )
        if len(suspects) == 1 and suspects <= self._suspects:
            (key,) = suspects
            self._forget(key)
            return [TriggerFailed(*key, [f"The trigger ended the process of triggers {end}."])]
        self._suspects |= suspects
        return []

    def _let_go(self, process: _Process) -> None:
        for channel in (process.orders, process.questions):
            self._waker.unwatch(channel.fileno())
            channel.close()
        self._process = None
        self._new = {**self._triggers}

    def _end_if_idle(self) -> None:
        now = self._clock.monotonic()
        if self._process is None or self._triggers:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since >= _IDLE_S:
            self.close()

    def _send_new(self) -> None:
        """Hand over what the process was not given yet; of what may kill it one at a time."""
        if self._triggers and self._process is None:
            self._process = self._begun()
        if (process := self._process) is None:
            return
        waits = any(key in process.sent and key not in process.begun for key in self._suspects)
        left = {}
        for key, trigger in self._new.items():
            if waits and key in self._suspects:
                left[key] = trigger
                continue
            waits = waits or key in self._suspects
            process.sent.add(key)
            send(process.orders, trigger)
        self._new = left

    def _begun(self) -> _Process | None:
        """Start a process, unless it is too early for another one."""
        now = self._clock.monotonic()
        if self._backoff.left_s(now) > 0:
            return None
        orders, their_orders = socket.socketpair()
        questions, their_questions = socket.socketpair()
        fds = (their_orders.fileno(), their_questions.fileno())
        options = json.dumps(_options(self._config)._asdict())
        environ = child_environment(self._config)
        environ.pop(KEY_VARIABLE, None)  # not for what runs user code
        words = (str(os.getpid()), *map(str, fds), options)
        try:
            child = Child.start(
                Program.TRIGGER_RUNNER.command(*words), environ=environ, pass_fds=fds
            )
        except OSError as error:
            delay_s = self._backoff.fail(now)
            logger.warning("triggers wait %g s: no process can be started: %s", delay_s, error)
            orders.close()
            questions.close()
            return None
        finally:
            their_orders.close()
            their_questions.close()
        process = _Process(child, Channel(orders), Channel(questions), now)
        self._waker.watch(process.orders.fileno())
        self._waker.watch(process.questions.fileno(), self._answer_at_once)
        return process

    def wait_s(self) -> float | None:
        """Return the seconds until `poll` has something to do by itself; None if it never has."""
        now = self._clock.monotonic()
        if self._process is None:
            return self._backoff.left_s(now) if self._triggers else None
        if self._process.orders.has_unsent or self._process.questions.has_unsent:
            return _FIRST_RESTART_S
        if self._process.asked:
            return 0.0
        if self._idle_since is not None:
            return max(self._idle_since + _IDLE_S - now, 0.0)
        return None

    def close(self) -> None:
        """End the process; what it ran is what whoever comes next will run."""
        if self._process is not None:
            self._process.child.kill()
            self._let_go(self._process)
        self._idle_since = None


def _options(config: Config) -> RunnerOptions:
    from airflow_lite.plugins.authoring import authoring_hooks

    return RunnerOptions(
        folder=str(config.getpath("core", "dags_folder")),
        log_folder=str(config.getpath("logging", "base_log_folder")),
        max_log_bytes=config.getint("logging", "max_task_log_size_mb") << 20,
        max_payload_bytes=config.getint("core", "max_xcom_size"),
        log_level=config.get("logging", "logging_level"),
        authoring=[[*hook] for hook in authoring_hooks(config)],
        notice_s=config.getfloat("triggerer", "block_notice_s"),
        most_blocked_s=config.getfloat("triggerer", "block_timeout_s"),
    )

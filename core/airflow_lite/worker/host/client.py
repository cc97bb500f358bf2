"""TaskHost: a task host as the process that started it sees it."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections import deque
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from airflow_lite.config import child_environment
from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send
from airflow_lite.processes.proc import continue_group, end_session, is_stopped
from airflow_lite.processes.programs import Program
from airflow_lite.worker.host.silence import Silence
from airflow_lite.worker.messages import (
    FROM_HOST,
    AttemptsDropped,
    AttemptsEnded,
    AttemptsRunning,
    CancelAttempt,
    Drain,
    LimitAttempts,
    ReleaseAttempts,
    RunAttempts,
    StoreTrouble,
    Terminate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config
    from airflow_lite.worker.messages import HostMessage, SchedulerMessage

logger = logging.getLogger(__name__)

#: Seconds before a host that died is started again; doubled up to the longest.
_FIRST_RESTART_S, _LONGEST_RESTART_S = 0.1, 30.0
#: A host that lived so long, in seconds, starts the doubling anew.
_LIVED_WELL_S = 60.0


class TaskHost:
    """Starts a task host in a session of its own, hands it attempts, tells of their ends.

    `on_ended(token, was_claimed)` and `on_running(token)` are called on a thread of this object's;
    neither tells the outcome, which is in the row. A host that dies is started again; attempts that
    it had not claimed run then under the same token, those that it had are lost, and its death is
    recorded where schedulers look. With `idle_s`, a host that was given nothing for so long ends,
    for the sake of its memory, and the next attempt starts another.

    It runs no more than `most_at_once` attempts at once, if that is given; the others wait in it.
    With `on_trouble(reason)`, called on the same thread, it tells that attempts can not be claimed
    now, since the metadata database cannot be used from here; None: they can again. A host that
    could not even start then gives back what it was handed.
    """

    def __init__(
        self,
        config: Config,
        *,
        on_ended: Callable[[str, bool], None],
        on_running: Callable[[str], None] = lambda _: None,
        on_trouble: Callable[[str | None], None] | None = None,
        job_id: int | None = None,
        idle_s: float | None = None,
        most_at_once: int | None = None,
    ) -> None:
        self._config = config
        self._on_ended = on_ended
        self._on_running = on_running
        self._on_trouble = on_trouble
        self._job_id = job_id
        self._idle_s = idle_s
        self._most_at_once = most_at_once
        self._is_ready = False
        self._told_start: str | None = None  # why it cannot start
        self._trouble: str | None = None
        self._commands: dict[str, list[str]] = {}
        self._outbox: deque[SchedulerMessage] = deque()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._wake_lock = threading.Lock()
        self._done = threading.Event()
        self._is_ending = False
        self._is_detached = False
        self._is_over = False
        self._is_hung = False  # and was killed for that
        self._is_resting = False  # the host was told to end, since there is nothing to do
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor = ""
        self._silence = Silence(config)
        self._thread = threading.Thread(target=self._run, name="task-host", daemon=True)

    @property
    def pid(self) -> int | None:
        """The host's process id; None before `start`, and while there is nothing to do."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; raise OSError if that cannot be."""
        channel = self._spawn()
        self._channel = channel
        self._thread.start()

    def run(self, command: list[str]) -> None:
        """Have the attempt of a run command claimed and run; returns at once."""
        from airflow_lite.keys import RunCommand

        token = RunCommand.parse(command).key.attempt
        self._commands[token] = command
        self._send(RunAttempts([command]))
        if self._is_over:
            self._tell(token, was_claimed=False)  # nobody is there to do so

    def cancel(self, token: str, grace_s: float | None = None) -> None:
        """Stop one attempt, whether it runs or waits; SIGKILL after `grace_s`."""
        self._send(CancelAttempt(token, grace_s))

    def release(self, tokens: list[str]) -> None:
        """Let go of those of these attempts that are not claimed yet: they end as such."""
        self._send(ReleaseAttempts(tokens))

    def limit(self, most_at_once: int) -> None:
        """Run no more than so many at once from now on; what runs goes on."""
        self._most_at_once = most_at_once
        self._send(LimitAttempts(most_at_once))

    def drain(self) -> None:
        """Claim nothing more; the host ends once what runs has ended."""
        self._is_ending = True
        self._send(Drain())

    def terminate(self, grace_s: float = 0.0) -> None:
        """Stop all that runs, and end the host."""
        self._is_ending = True
        self._send(Terminate(grace_s))

    def detach(self) -> None:
        """Leave the host to finish and record what runs by itself, without new work."""
        self._is_ending = self._is_detached = True
        self._wake()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the host has ended or is detached; False if that takes too long."""
        return self._thread.ident is None or self._done.wait(timeout_s)

    def _send(self, message: SchedulerMessage) -> None:
        self._outbox.append(message)
        self._wake()

    def _wake(self) -> None:
        with self._wake_lock:
            if self._is_over:
                return  # nobody reads any more, and the descriptor may be another's
            try:
                os.write(self._wake_write, b"x")
            except BlockingIOError:
                return  # it is awake

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            with self._wake_lock:
                self._is_over = True
                os.close(self._wake_read)
                os.close(self._wake_write)
            if not self._is_detached:
                self._give_back()
            self._done.set()
        if self._is_detached and self._process is not None:
            self._await_detached(self._process)

    def _await_detached(self, process: subprocess.Popen[bytes]) -> None:
        """Let the host leave no zombie if this process lives on; one that is stopped is continued.

        What it runs may take days.
        """
        while process.returncode is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(self._silence.stopped_limit_s)
            if process.returncode is None and is_stopped(process.pid):
                continue_group(process.pid)

    def _serve(self) -> None:
        backoff = Backoff(_FIRST_RESTART_S, _LONGEST_RESTART_S)
        while True:
            started = time.monotonic()
            self._talk()
            if self._is_detached:
                assert self._process is not None  # it was started
                continue_group(self._process.pid)
                self._channel.close()
                return
            code = self._bury()
            if self._is_resting:
                self._rest()
                backoff.succeed()
            elif not self._is_ending:
                if time.monotonic() - started > _LIVED_WELL_S:
                    backoff.succeed()
                backoff.fail(time.monotonic())
                self._tell_gone(code)
                if not self._is_ready:
                    self._tell_trouble(self._trouble or f"its task host cannot start: it {code}")
                    self._drop_all()
            if self._is_ending or self._is_detached:
                return
            self._restart(backoff)

    def _talk(self) -> None:
        """Send and hear until the host is gone or let go of."""
        self._silence.begin()
        while not self._channel.is_closed and not self._is_detached:
            ready = self._wait()
            if not ready and not self._expects_word:
                self._let_it_end()
            if ready.get(self._wake_read):
                os.read(self._wake_read, 4096)
                self._send_all()
                self._end_unborn()
            events = ready.get(self._channel.fileno(), 0)
            if events & selectors.EVENT_WRITE:
                self._channel.flush()
            if events & selectors.EVENT_READ:
                self._silence.hear()
                for message in receive(self._channel, FROM_HOST):
                    self._hear(message)
            self._end_what_hangs()

    def _wait(self) -> dict[int, int]:
        """Wait for something to do, or for as long as that may take; return events by descriptor.

        Not by `select`, which knows no descriptor above 1023: ours may be a worker of many.
        """
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._channel.has_unsent else 0)
        with selectors.PollSelector() as selector:
            selector.register(self._channel, wanted)
            selector.register(self._wake_read, selectors.EVENT_READ)
            return {key.fd: events for key, events in selector.select(self._patience_s())}

    @property
    def _expects_word(self) -> bool:
        """Whether a host that is well says something within its interval, or ends."""
        return bool(self._commands) or self._is_resting or self._is_ending

    def _patience_s(self) -> float | None:
        """Return how long to wait for something to do; None: as long as it takes."""
        return self._silence.interval_s if self._expects_word else self._idle_s

    def _end_what_hangs(self) -> None:
        """Kill a host that has said nothing for too long: another one is started then."""
        if not self._expects_word:
            self._silence.rest()
            return
        assert self._process is not None  # it was started
        self._silence.look(time.monotonic())
        if self._is_hung or not self._silence.is_long:
            return
        if self._silence.is_too_long(is_stopped=is_stopped(self._process.pid)):
            logger.error("the task host says nothing for %.0f s: it hangs", self._silence.silent_s)
            self._process.kill()
            self._is_hung = True

    def _end_unborn(self) -> None:
        """Kill a host that is to end before it said a word: it is starting, and has nothing."""
        if self._is_ending and not (self._is_ready or self._commands or self._is_detached):
            assert self._process is not None  # it was started
            self._process.kill()

    def _let_it_end(self) -> None:
        """Tell a host without work to end; what comes from now on is for the next one."""
        if not self._outbox:
            self._is_resting = True
            send(self._channel, Drain())

    def _rest(self) -> None:
        """Wait for work without a host."""
        self._process = None
        with selectors.PollSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ)
            while not (self._commands or self._is_ending or self._is_detached):
                selector.select()
                os.read(self._wake_read, 4096)
        self._is_resting = False

    def _send_all(self) -> None:
        if self._is_resting:
            return
        runs: list[list[str]] = []
        while self._outbox:
            message = self._outbox.popleft()
            if isinstance(message, RunAttempts):
                runs += message.commands
                continue
            if runs:
                send(self._channel, RunAttempts(runs))
                runs = []
            send(self._channel, message)
        if runs:
            send(self._channel, RunAttempts(runs))

    def _hear(self, message: HostMessage) -> None:
        match message:
            case StoreTrouble(reason):
                self._note_start(reason)
                self._is_ready = self._is_ready or reason is None
                self._tell_trouble(reason)
            case AttemptsEnded(tokens):
                for token in tokens:
                    self._tell(token, was_claimed=True)
            case AttemptsDropped(tokens):
                for token in tokens:
                    self._tell(token, was_claimed=False)
            case AttemptsRunning(tokens):
                for token in tokens:
                    if token in self._commands:
                        self._call(self._on_running, token)

    def _tell(self, token: str, *, was_claimed: bool) -> None:
        if self._commands.pop(token, None) is not None:
            self._call(self._on_ended, token, was_claimed)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call what we were given; the thread goes on whatever it raises."""
        try:
            callback(*arguments)
        except Exception:
            logger.exception("%r, called by the task host, raised", callback)

    def _note_start(self, trouble: str | None) -> None:
        """Tell why the host cannot start, once however often it is tried."""
        if trouble is None:
            self._told_start = None
        elif not self._is_ready and trouble != self._told_start:
            logger.error("%s; it is tried again until it can", trouble)
            self._told_start = trouble

    @property
    def _cannot_start(self) -> bool:
        """Whether the host has said why, and so has claimed nothing."""
        return self._told_start is not None and not self._is_ready

    def _tell_gone(self, how: str) -> None:
        if not self._cannot_start:
            logger.error("the task host is gone (%s); starting it again", how)

    def _tell_trouble(self, trouble: str | None) -> None:
        if self._on_trouble is not None and trouble != self._trouble:
            self._call(self._on_trouble, trouble)
        self._trouble = trouble

    def _drop_all(self) -> None:
        """Give back what waits for a host that could not start, if somebody is told why."""
        if self._on_trouble is not None:
            for token in list(self._commands):
                self._tell(token, was_claimed=False)

    def _bury(self) -> str:
        """Wait for the dead host's process, record its death, and say how it ended."""
        from airflow_lite.processes.proc import describe_end

        assert self._process is not None  # it was started
        self._channel.close()
        code = self._end_of(self._process)
        cause = describe_end(code, is_stopped=self._is_hung) if code else "ended"
        if self._is_hung:
            cause = f"hung, and was {cause}"
        if code:
            if not self._cannot_start:
                self._record_death(cause)
            end_session(self._process.pid)
        self._is_hung = False
        return cause

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        """Return the exit code of a host that has hung up; one that does not end is killed."""
        for _ in range(2):
            with suppress(subprocess.TimeoutExpired):
                return process.wait(self._silence.stopped_limit_s)
            process.kill()
            self._is_hung = True
        return -signal.SIGKILL  # the kernel holds it, until it goes of that

    def _record_death(self, cause: str) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        from airflow_lite.clock import SystemClock
        from airflow_lite.errors import StoreError
        from airflow_lite.store import attempts
        from airflow_lite.store.engine import open_store

        try:
            store = open_store(self._config, name="scheduler")
            with closing(store), store.begin() as connection:
                now_us = SystemClock().now_us()
                attempts.end_supervisor(connection, self._supervisor, now_us, cause)
        except (StoreError, SQLAlchemyError) as error:
            why = str(error).splitlines()[0]
            logger.warning("the task host's death is not recorded, its beats tell: %s", why)

    def _give_back(self) -> None:
        for token in list(self._commands):
            self._tell(token, was_claimed=True)

    def _restart(self, backoff: Backoff) -> None:
        """Start another host and hand it what this one left."""
        while not self._is_ending:
            time.sleep(backoff.delay_s)
            try:
                self._channel = self._spawn()
            except OSError:
                logger.exception("the task host cannot be started")
                backoff.fail(time.monotonic())
                continue
            self._outbox = deque(
                message for message in self._outbox if not isinstance(message, RunAttempts)
            )
            self._outbox.appendleft(RunAttempts(list(self._commands.values())))
            self._send_all()
            break

    def _spawn(self) -> Channel:
        ours, theirs = socket.socketpair()
        self._is_ready = False
        self._supervisor = uuid.uuid4().hex
        job = "" if self._job_id is None else str(self._job_id)
        most = [] if self._most_at_once is None else [str(self._most_at_once)]
        with theirs:
            self._process = subprocess.Popen(
                Program.TASK_HOST.command(self._supervisor, job, str(theirs.fileno()), *most),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=child_environment(self._config),
                start_new_session=True,
            )
        return Channel(ours)

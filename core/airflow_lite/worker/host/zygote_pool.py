"""The host's side of the zygotes: which file has one, how fresh it is, and how it ended."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send
from airflow_lite.processes.proc import end_all, is_over, process_start
from airflow_lite.worker.messages import (
    FROM_BASE,
    FROM_ZYGOTE,
    FileParsed,
    ForkZygote,
    PickledDag,
    ZygoteForked,
)
from airflow_lite.worker.zygote.start import execute_base

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.messages import ZygoteMessage
    from airflow_lite.worker.settings import HostSettings
    from airflow_lite.worker.zygote.start import BaseZygote

logger = logging.getLogger(__name__)

#: A base zygote that was just started says its first word within so many seconds.
_START_S = 60.0
#: Seconds until a base zygote is started again that no process could be had for.
_RETRY_S = 1.0
#: So long, in seconds, zygotes may take to end with their children before they are killed.
_END_S = 3.0
#: A zygote older than this, in seconds, is not forked from any more: what it imported from
#: elsewhere may have changed.
FRESH_S = 30.0
#: The longest line, in bytes, that a file's import can cause: an error, a list of modules.
_LONGEST_LINE = 16 << 20
#: So many idle file zygotes are kept; each holds what its file imported.
MOST_IDLE = 8


@dataclass(eq=False)
class ZygoteHandle:
    """One file zygote, from the order to fork it to its end."""

    number: int
    path: str
    channel: Channel
    asked_at: float
    is_alone: bool = False  # runs a single attempt in itself
    payload: bytes | None = None  # a pickled DAG, in place of the file
    pid: int | None = None
    is_parsed: bool = False
    error: str | None = None
    is_settling: bool = False  # its file may not have been whole when it was imported
    fingerprint: str = ""
    forks: int = 0
    threads: list[str] = field(default_factory=list)
    descriptors: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    used_at: float = 0.0
    is_retired: bool = False
    started: int | None = None  # names the process for good, with its pid
    base: Channel | None = None  # who forked it, and tells of its end
    is_short: bool = False  # there is no process of it, for now
    is_killed: bool = False  # by us, at once when its process is known

    @property
    def is_ready(self) -> bool:
        """Whether attempts can be forked from it."""
        return self.is_parsed and self.error is None and not self.is_retired

    @property
    def is_shared_badly(self) -> bool:
        """Whether what it holds must not be forked: threads, or what is open at one position."""
        return bool(self.threads or self.descriptors)


class Watcher(Protocol):
    """What calls back when a channel has something to receive: the host's loop."""

    def watch(self, channel: Channel, act: Callable[[], None]) -> None:
        """Call `act` whenever the channel has something to receive."""

    def unwatch(self, channel: Channel) -> None:
        """Look at the channel no more."""

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` after a while."""


class ZygotePool:
    """Starts, finds and retires zygotes.

    `on_message` is called with what a file's zygote sends, `on_gone` with the exit code of one
    that has ended, None if that is not known.
    """

    def __init__(
        self,
        base: BaseZygote,
        settings: HostSettings,
        watcher: Watcher,
        on_message: Callable[[ZygoteHandle, ZygoteMessage], None],
        on_gone: Callable[[ZygoteHandle, int | None], None],
    ) -> None:
        self._settings = settings
        self._watch = watcher.watch
        self._unwatch = watcher.unwatch
        self._after = watcher.after
        self._on_message = on_message
        self._on_gone = on_gone
        self._count = 0
        self._current: dict[str, ZygoteHandle] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._leaving: dict[int, ZygoteHandle] = {}  # told to end, by number
        self.all: dict[int, ZygoteHandle] = {}
        self._base_pid, self._soft_limit = base.pid, base.soft_limit
        self._base_words = 0
        self._base = self._listen(base.end)

    def _listen(self, end: socket.socket) -> Channel:
        channel = Channel(end)
        self._watch(channel, self._hear_base)
        return channel

    def _hear_base(self) -> None:
        for message in receive(self._base, FROM_BASE):
            self._base_words += 1
            zygote = self.all.get(message.number) or self._leaving.get(message.number)
            if zygote is None:
                continue
            if isinstance(message, ZygoteForked):
                self._forked(zygote, message.pid)
            else:
                self._leaving.pop(zygote.number, None)
                zygote.error = zygote.error or message.error
                zygote.is_short = message.is_shortage
                self._gone(zygote.number, message.code)
        if self._base.is_closed:
            self._replace_base()

    def _forked(self, zygote: ZygoteHandle, pid: int) -> None:
        zygote.pid, zygote.started = pid, process_start(pid)
        if zygote.is_killed:
            self.kill(zygote)

    def _expect_word(self, zygote: ZygoteHandle, looks: int = 2) -> None:
        """Replace the base if it hangs: it owes a word of this zygote, and says nothing at all.

        Both looks find it so: one that was suspended, as we may have been, gets its time.
        """
        base, words = self._base, self._base_words
        limit_s = self._settings.beat_timeout_s if words else _START_S

        def look() -> None:
            if zygote.base is not self._base or not self._is_owed(zygote):
                return
            if self._base_words != words or looks > 1:
                self._expect_word(zygote, 2 if self._base_words != words else looks - 1)
                return
            logger.error("the base zygote hangs and is replaced")
            self._replace_base()

        assert base is zygote.base  # just asked
        self._after(limit_s / 2, look)

    def _is_owed(self, zygote: ZygoteHandle) -> bool:
        if zygote.number not in self.all:
            return False
        return zygote.pid is None or (zygote.channel.is_closed and not self._tells_its_end(zygote))

    def _tells_its_end(self, zygote: ZygoteHandle) -> bool:
        """Whether the end of a zygote's channel is all that is told of its end."""
        return (zygote.is_parsed and not zygote.is_alone) or zygote.base is not self._base

    def _replace_base(self) -> None:
        """Start another base by executing it: this process must not fork any more.

        One that hangs is killed; it alone, since what it forked does not need it.
        """
        self._unwatch(self._base)
        self._base.close()
        if self._base_pid:
            with suppress(ProcessLookupError):
                os.kill(self._base_pid, signal.SIGKILL)
            self._base_pid = 0
        orphans = [
            zygote
            for zygote in self.all.values()
            if zygote.pid is None or zygote.is_alone or zygote.channel.is_closed
        ]
        for zygote in orphans:
            self._gone(zygote.number, None)
        ours, theirs = socket.socketpair()
        self._base, self._base_words = self._listen(ours), 0
        self._execute_base(theirs)

    def _execute_base(self, theirs: socket.socket) -> None:
        """Start the base at this end, in which orders wait for it; later, if it cannot be now."""
        try:
            process = execute_base(theirs, self._soft_limit)
        except OSError as error:
            logger.error("the base zygote cannot be started, trying again: %s", error)
            self._after(_RETRY_S, partial(self._execute_base, theirs))
            return
        self._base_pid = process.pid
        self._processes = [base for base in self._processes if base.poll() is None] + [process]

    def get(
        self,
        path: str,
        fingerprint_changed: Callable[[str, str], bool],
        now: float,
        load: Callable[[], bytes | None] = lambda: None,
    ) -> ZygoteHandle:
        """Return the zygote to fork from, or the one that will be; stale ones are retired.

        `load` is asked for the pickled DAG that a new one is to take in place of the file.
        """
        zygote = self._current.get(path)
        if zygote is not None and self._is_stale(zygote, fingerprint_changed, now):
            self.retire(zygote)
            zygote = None
        if zygote is None:
            zygote = self._current[path] = self.start(path, now, payload=load())
        zygote.used_at = now
        return zygote

    def _is_stale(
        self, zygote: ZygoteHandle, changed: Callable[[str, str], bool], now: float
    ) -> bool:
        if not zygote.is_parsed:
            return False
        too_old = now - zygote.asked_at > FRESH_S
        is_file = zygote.payload is None
        return too_old or (is_file and changed(zygote.path, zygote.fingerprint))

    def start(
        self, path: str, now: float, *, alone: bool = False, payload: bytes | None = None
    ) -> ZygoteHandle:
        """Order a zygote for `path`, or for the pickled DAG that goes by that name.

        `alone` is one that runs a single attempt in itself. Raises OSError without descriptors.
        """
        ours, theirs = socket.socketpair()
        self._count += 1
        zygote = ZygoteHandle(self._count, path, Channel(ours, _LONGEST_LINE), now, alone, payload)
        zygote.base = self._base
        self.all[zygote.number] = zygote
        order = ForkZygote(
            zygote.number,
            path,
            self._settings.dags_folder,
            is_alone=alone,
            sentry=self._settings.sentry,
            is_pickled=payload is not None,
            authoring=self._settings.authoring,
        )
        send(self._base, order, (theirs.detach(),))
        self._watch(zygote.channel, lambda: self._hear(zygote))
        self._expect_word(zygote)
        if payload is not None:
            send(zygote.channel, PickledDag.of(payload))
        return zygote

    def _hear(self, zygote: ZygoteHandle) -> None:
        self._take_messages(zygote)
        if zygote.channel.is_overrun:
            zygote.error = f"{zygote.path}: its import wrote to what is not its own"
            self.kill(zygote)
            self._gone(zygote.number, None)
            return
        if not zygote.channel.is_closed:
            return
        self._unwatch(zygote.channel)
        if self._tells_its_end(zygote):
            self._gone(zygote.number, None)
        else:  # the base tells how it ended: in its import, or with the attempt that it became
            self._expect_word(zygote)

    def _take_messages(self, zygote: ZygoteHandle) -> None:
        for message in receive(zygote.channel, FROM_ZYGOTE):
            if isinstance(message, FileParsed):
                zygote.is_parsed, zygote.error = True, message.error
                zygote.fingerprint, zygote.is_settling = message.fingerprint, message.is_settling
                zygote.threads, zygote.descriptors = message.threads, message.descriptors
            self._on_message(zygote, message)

    def _gone(self, number: int, code: int | None) -> None:
        zygote = self.all.pop(number, None)
        if zygote is None:
            return
        if self._current.get(zygote.path) is zygote:
            del self._current[zygote.path]
        self._unwatch(zygote.channel)
        self._take_messages(zygote)
        zygote.channel.close()
        self._on_gone(zygote, code)

    def retire(self, zygote: ZygoteHandle) -> None:
        """Fork no more from it; it ends once nothing that it forked runs."""
        zygote.is_retired = True
        if self._current.get(zygote.path) is zygote:
            del self._current[zygote.path]
        self.close_if_idle(zygote)

    def close_if_idle(self, zygote: ZygoteHandle) -> None:
        """End a retired zygote that has nothing to watch."""
        if zygote.is_retired and not zygote.tokens and zygote.number in self.all:
            self._unwatch(zygote.channel)
            zygote.channel.close()
            self._leaving[zygote.number] = self.all.pop(zygote.number)
            self._after(self._settings.beat_timeout_s, partial(self._end_now, zygote))

    def _end_now(self, zygote: ZygoteHandle) -> None:
        """Kill a zygote that was told to end long ago: it is stopped, or hangs."""
        if self._leaving.pop(zygote.number, None) is not None and _is_there(zygote):
            self.kill(zygote)

    def trim(self) -> None:
        """Retire the least recently used of the idle zygotes that are too many."""
        idle = [
            zygote for zygote in self._current.values() if zygote.is_parsed and not zygote.tokens
        ]
        idle.sort(key=lambda zygote: zygote.used_at)
        for zygote in idle[: max(len(idle) - MOST_IDLE, 0)]:
            self.retire(zygote)

    def kill(self, zygote: ZygoteHandle) -> None:
        """Kill a zygote that hangs; one whose process is not known yet, once it is."""
        zygote.is_killed = True
        if zygote.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(zygote.pid, signal.SIGKILL)

    def close(self) -> None:
        """End every zygote; they take their children along.

        One that is stopped is continued for that; one that hangs is killed.
        """
        zygotes = [*self.all.values(), *self._leaving.values()]
        for zygote in zygotes:
            zygote.channel.close()
        self._base.close()
        bases = {base.pid for base in self._processes} | {self._base_pid}
        zygote_pids = {zygote.pid for zygote in zygotes if zygote.pid and _is_there(zygote)}
        end_all((bases | zygote_pids) - {0}, _END_S)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)


def _is_there(zygote: ZygoteHandle) -> bool:
    """Whether a zygote's process lives, and is no other by now."""
    if zygote.pid is None or zygote.started is None:
        return False
    return process_start(zygote.pid) == zygote.started and not is_over(zygote.pid)

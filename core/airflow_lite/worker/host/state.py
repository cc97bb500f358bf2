"""What the parts of a task host share: its attempts, its batch, what it waits for."""

from __future__ import annotations

import selectors
import sys
from typing import TYPE_CHECKING

from airflow_lite.processes.timers import Timers
from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.worker.host.attempt import Phase
from airflow_lite.worker.host.questions import Questions
from airflow_lite.worker.host.shortage import Shortage
from airflow_lite.worker.host.write_batch import WriteBatch
from airflow_lite.worker.task_log.masked import Mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.clock import Clock
    from airflow_lite.processes.channel import Channel
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.store.connection import HostStore
    from airflow_lite.worker.host.attempt import Attempt
    from airflow_lite.worker.settings import HostSettings

#: What nobody waits for (process ids, rendered fields, "it runs") is written this late, in
#: seconds: a short task's goes with its outcome.
LAZY_S = 0.1


class HostState:
    """The one object that holds a host's state."""

    def __init__(
        self,
        settings: HostSettings,
        store: HostStore,
        who: Supervisor,
        clock: Clock,
        most_at_once: int = sys.maxsize,
    ) -> None:
        self.settings = settings
        self.most_at_once = most_at_once
        self.store = store
        self.who = who
        self.clock = clock
        self.selector = selectors.DefaultSelector()
        self.timers = Timers()
        self.batch = WriteBatch()
        self.attempts: dict[str, Attempt] = {}
        self.waiting: dict[str, Attempt] = {}  # NEW and WAITING, in order
        self.questions = Questions(store, clock, settings.cipher)
        self.mask = Mask(secrets_masker().secrets)
        self.dropped: list[str] = []
        self.shortage = Shortage(clock, self.after)
        self.must_flush = False
        self._is_lazy_due = False  # a timer will flush
        self._channels: dict[Channel, Callable[[], None]] = {}

    @property
    def room(self) -> int:
        """How many attempts more may be claimed now."""
        over = {Phase.NEW, Phase.WAITING, Phase.ENDING}
        running = sum(attempt.phase not in over for attempt in self.attempts.values())
        return min(self.most_at_once - running, self.shortage.room(running))

    def watch(self, channel: Channel, act: Callable[[], None]) -> None:
        """Call `act` whenever the channel has something to receive."""
        self._channels[channel] = act
        self.selector.register(channel, selectors.EVENT_READ, act)

    def unwatch(self, channel: Channel) -> None:
        """Look at the channel no more."""
        if self._channels.pop(channel, None) is not None:
            self.selector.unregister(channel)

    def later(self, attempt: Attempt, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` after a while, unless the attempt's timers are cancelled."""
        attempt.timers.append(self.timers.at(self.clock.monotonic() + delay_s, act))

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` after a while."""
        self.timers.at(self.clock.monotonic() + delay_s, act)

    def cancel_timers(self, attempt: Attempt) -> None:
        """Call nothing of the attempt's any more."""
        for timer in attempt.timers:
            timer.cancel()
        attempt.timers.clear()

    def write_later(self) -> None:
        """Have what is in the batch written soon, though nobody waits for it."""
        if not self._is_lazy_due:
            self._is_lazy_due = True
            self.timers.at(self.clock.monotonic() + LAZY_S, self._flush)

    def _flush(self) -> None:
        self._is_lazy_due, self.must_flush = False, True

    def drop(self, attempt: Attempt) -> None:
        """Let go of an attempt that is not, or not any more, this host's to claim."""
        self.waiting.pop(attempt.token, None)
        self.attempts.pop(attempt.token, None)
        self.dropped.append(attempt.token)

    def want_writable(self) -> None:
        """Watch for room to send where something waits to be sent."""
        for channel, act in self._channels.items():
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.has_unsent else 0)
            if self.selector.get_key(channel).events != wanted:
                self.selector.modify(channel, wanted, act)

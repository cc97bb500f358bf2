"""How a worker ends: warm, soft, cold or at once, as Celery's do, but never in a signal handler."""

from __future__ import annotations

import enum
import os
import signal
import sys
from typing import Any

from celery.apps.worker import REMAP_SIGTERM, Worker
from celery.exceptions import WorkerTerminate
from celery.worker import state


class Stage(enum.IntEnum):
    """How far a worker's end has come; each signal may only take it further."""

    RUNS = 0
    #: It takes nothing more, and what runs may end.
    WARM = 1
    #: The same, for no longer than `worker_soft_shutdown_timeout`; then what runs is killed.
    SOFT = 2
    #: What runs is killed.
    COLD = 3
    #: The worker itself ends at once.
    HARD = 4


_TEXTS = {
    Stage.WARM: "warm shutdown: what runs may end\n",
    Stage.SOFT: "soft shutdown: what runs may end within {:g} s\n",
    Stage.COLD: "cold shutdown: what runs is killed\n",
}


class SignalledWorker(Worker):  # type: ignore[misc]
    """Celery's worker, whose signals set flags which the event loop and the pool look at.

    Celery's own handlers wait, write to the broker and stop the pool within the handler, in the
    midst of whatever the event loop was doing there, and a soft shutdown sleeps its whole time.
    """

    _stage = Stage.RUNS

    def install_platform_tweaks(self, worker: Any) -> None:
        """Take SIGTERM, SIGINT and SIGQUIT."""
        super().install_platform_tweaks(worker)
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGQUIT, self._told_to_kill)
        is_remapped = REMAP_SIGTERM == "SIGQUIT"
        signal.signal(signal.SIGTERM, self._told_to_kill if is_remapped else self._told_to_end)

    def _told_to_end(self, *_: Any) -> None:
        self._go_to(Stage.WARM)

    def _interrupted(self, *_: Any) -> None:
        """End warm; the next time, as SIGQUIT says."""
        if self._stage < Stage.WARM:
            self._go_to(Stage.WARM)
        else:
            self._told_to_kill()

    def _told_to_kill(self, *_: Any) -> None:
        if self._stage >= Stage.COLD:
            self._go_to(Stage.HARD)
        elif self._stage < Stage.SOFT and self.app.conf.worker_soft_shutdown_timeout > 0:
            self._go_to(Stage.SOFT)
        else:
            self._go_to(Stage.COLD)

    def _go_to(self, stage: Stage) -> None:
        if stage <= self._stage:
            return
        self._stage = stage
        if stage is Stage.HARD:
            raise WorkerTerminate(os.EX_SOFTWARE)
        soft_s = self.app.conf.worker_soft_shutdown_timeout
        os.write(sys.stderr.fileno(), _TEXTS[stage].format(soft_s).encode())  # no buffer, no lock
        if stage is Stage.COLD:
            state.should_terminate = os.EX_OK
        else:
            state.should_stop = os.EX_OK
        if stage > Stage.WARM:
            self.pool.kill_after(soft_s if stage is Stage.SOFT else 0.0)
        self.pool.wake()

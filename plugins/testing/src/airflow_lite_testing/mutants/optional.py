"""Wrong in a method that it need not have written."""
# mypy: disable-error-code="override"

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from airflow_lite_testing.mutants.base import Mutant
from airflow_lite_testing.reference_executor import KILL_GRACE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.api.executor.base import TaskTuple
    from airflow_lite.api.executor.task_instance import TaskInstance


class RevokeTells(Mutant):
    """Tells a failure of what is revoked."""

    caught_by = "optional.revoke.forgets"

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop the attempt and report it."""
        super().revoke_task(ti=ti)
        self.fail(ti.key, "revoked")


class RevokeLeavesTheQueue(Mutant):
    """Revokes only what runs."""

    caught_by = "optional.revoke.queued-never-starts"

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop the attempt if it runs."""
        if ti.key in self.children:
            super().revoke_task(ti=ti)


class RevokeLetsItRun(Mutant):
    """Forgets what is revoked, and lets it run on."""

    caught_by = "optional.revoke.stops-the-process"

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Forget the attempt."""
        self._forget(ti.key)


class RevokeRaises(Mutant):
    """Raises for what it does not have."""

    caught_by = "optional.revoke.unknown-or-ended-does-no-harm"

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop the attempt."""
        if not self.has_task(ti):
            raise KeyError(ti.key)
        super().revoke_task(ti=ti)


class RevokeNeedsAProcess(Mutant):
    """Signals the process of what is revoked, though it may be over."""

    caught_by = "faults.cancel.races-with-success"

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Kill the process and forget the attempt."""
        child = self.children.pop(ti.key, None)
        if child is not None and child.wait(KILL_GRACE_S) is not None:
            os.kill(child.pid, signal.SIGKILL)
        self._forget(ti.key)


class CleanupOnlyNames(Mutant):
    """Names what is stuck without taking it back."""

    caught_by = "optional.cleanup.takes-back-and-names"

    def cleanup_stuck_queued_tasks(self, tis: list[TaskInstance]) -> list[str]:
        """Return the names."""
        return [repr(ti) for ti in tis]


class AdoptsAll(Mutant):
    """Says that it adopted everything, and holds nothing of it."""

    caught_by = "optional.adoption.takes-or-returns"

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Return nothing."""
        return []


class AdoptsAndForgets(Mutant):
    """Holds what it adopted, and never reports its end."""

    caught_by = "optional.adoption.goes-on"

    def sync(self) -> None:
        """Tell the ends of its own processes."""
        adopted, self.adopted = self.adopted, {}
        super().sync()
        self.adopted = adopted


class LogsRaise(Mutant):
    """Raises where it has no log."""

    caught_by = "optional.logs.never-raise"

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return what the process printed."""
        raise FileNotFoundError(f"no log of {ti.task_id}, try {try_number}")


class LogsHang(Mutant):
    """Waits for an engine that never answers when it is asked for the log of an attempt."""

    caught_by = "optional.logs.in-time"

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return nothing, ever."""
        threading.Event().wait()
        return [], []


class LogsExit(Mutant):
    """Ends the program where it finds no log."""

    caught_by = "optional.logs.end-no-process"

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return what the process printed."""
        sys.exit(f"no log of {ti.task_id}, try {try_number}")


class LogsOfTheStarted(Mutant):
    """Knows where logs are only once it has started."""

    caught_by = "optional.logs.without-start"

    def start(self) -> None:
        """Note where the logs are."""
        self.folder = "/var/log/mutant"

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return where the log is."""
        return [f"the log is in {self.folder}"], []


class DropsCallbacks(Mutant):
    """Drops a callback where there is no sink."""

    caught_by = "optional.callbacks.to-the-sink-or-an-error"

    def send_callback(self, request: Any) -> None:
        """Send it, if that can be."""
        if self.callback_sink is not None:
            self.callback_sink.send(request)


class LosesTheQueue(Mutant):
    """Hands every attempt over without its queue."""

    caught_by = "optional.queues.reach-execute-async"

    def _process_tasks(self, task_tuples: list[TaskTuple]) -> None:
        queueless: list[TaskTuple] = [
            (key, command, None, config) for key, command, _, config in task_tuples
        ]
        super()._process_tasks(queueless)

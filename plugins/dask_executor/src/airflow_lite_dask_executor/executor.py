"""DaskExecutor: attempts on a Dask cluster, run by a task host beside each Dask worker."""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import (
    AttemptRefused,
    BaseExecutor,
    RunCommand,
    TaskInstanceState,
)
from airflow_lite_dask_executor.placement import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.executors import TaskInstance, TaskInstanceKey
    from airflow_lite_dask_executor.connection import Connection
    from airflow_lite_dask_executor.placement import Placement

#: So often an attempt is handed over anew after somebody cancelled it on the cluster.
MOST_CANCELS = 5
#: While no attempt takes longer, in seconds, as many again wait on the cluster as run.
BRISK_S = 2.0
#: Seconds that `terminate` gives the workers to hear of it.
KILL_S = 3.0

logger = logging.getLogger(__name__)


@dataclass
class Submission:
    """An attempt handed to Dask at `since`, in seconds, or about to be: then `future` is None."""

    key: TaskInstanceKey
    command: list[str]
    placement: Placement
    since: float
    future: Any = None
    cancels: int = 0


class DaskExecutor(BaseExecutor):
    """Hands attempts to a Dask cluster, keyed by their tokens, and hears of their ends.

    What Dask says of an attempt is only a reason to look at its row. Handing one over again, after
    a lost connection or a dead worker, does no harm: only one task host can claim it.
    """

    supports_sentry = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection: Connection | None = None
        self._submissions: dict[str, Submission] = {}
        self._unsent: dict[str, Submission] = {}
        self._lost: deque[str] = deque()
        self._priorities: dict[TaskInstanceKey, int] = {}
        self._default_queue = "default"

    # ---------------------------------------------------------------- beginning and end

    def start(self) -> None:
        """Connect to the cluster, or start one; raise `ConfigError` if it cannot be reached."""
        from airflow_lite.worker import child_environment
        from airflow_lite_dask_executor.connection import Connection
        from airflow_lite_dask_executor.settings import DaskSettings

        self._default_queue = self.config.get("operators", "default_queue")
        connection = Connection(
            DaskSettings.read(self.config), on_change=self._changed, on_running=self._runs
        )
        connection.open(child_environment(self.config))
        self._connection = connection

    def end(self) -> None:
        """Wait for what runs, as long as `shutdown_grace_s` goes, then leave the cluster."""
        if self._connection is not None:
            super().end()
            self._close()

    def terminate(self) -> None:
        """Have everything killed, and leave the cluster."""
        tokens = list(self._submissions)
        super().terminate()
        if self._connection is not None:
            self._connection.kill(tokens, KILL_S)
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._submissions.clear()
        self._unsent.clear()
        if connection is not None:
            connection.close()

    # ---------------------------------------------------------------- handing attempts over

    def queue_command(
        self,
        task_instance: TaskInstance,
        command: list[str],
        priority: int = 1,
        queue: str | None = None,
    ) -> None:
        """Queue an attempt; its priority will be Dask's."""
        super().queue_command(task_instance, command, priority, queue)
        self._priorities[task_instance.key] = priority

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Put the attempt among those that the next `sync` hands over at once."""
        priority = self._priorities.pop(key, 1)
        placement = self._place(queue, executor_config, priority)
        submission = Submission(key, command, placement, self.clock.monotonic())
        self._submissions[key.attempt] = self._unsent[key.attempt] = submission

    def _place(self, queue: str | None, executor_config: Any, priority: int) -> Placement:
        if self._connection is None:
            raise RuntimeError(f"{self} is not started. Call start() first.")
        options = {"default_queue": self._default_queue}
        try:
            return place(
                queue, executor_config, priority, cluster=self._connection.cluster, **options
            )
        except AttemptRefused:  # unless a worker came just now that can take it
            found = self._connection.look()
            return place(queue, executor_config, priority, cluster=found, **options)

    def sync(self) -> None:
        """Hand over what is new, and again what Dask let go of."""
        connection = self._connection
        if connection is None:
            return
        self._take_lost(connection)
        if self._unsent and connection.is_ready:
            unsent, self._unsent = self._unsent, {}
            alike: dict[Placement, list[Submission]] = {}
            for submission in unsent.values():
                alike.setdefault(submission.placement, []).append(submission)
            for placement, group in alike.items():
                self._submit(connection, placement, group)

    def _submit(
        self, connection: Connection, placement: Placement, group: list[Submission]
    ) -> None:
        words = [json.dumps(one.command) for one in group]
        tokens = [one.key.attempt for one in group]
        futures = connection.map(words, tokens, placement.options())
        for one, token, future in zip(group, tokens, futures, strict=True):
            one.future = future
            future.add_done_callback(partial(self._ended, token))

    def _take_lost(self, connection: Connection) -> None:
        lost = {self._lost.popleft() for _ in range(len(self._lost))}
        again = [found for token in lost if (found := self._submissions.get(token)) is not None]
        if not again:
            return
        connection.suspect()
        for one in again:
            one.future = None
            one.cancels += 1
            if one.cancels > MOST_CANCELS:
                del self._submissions[one.key.attempt]
                self.fail(one.key, f"it was cancelled on the Dask cluster {one.cancels} times")
            else:
                self._unsent[one.key.attempt] = one

    # ---------------------------------------------------------------- what is heard, elsewhere

    def _ended(self, token: str, future: Any) -> None:
        """Take note that Dask is done with an attempt; called on a thread of Dask's."""
        submission = self._submissions.get(token)
        if submission is None or submission.future is not future:
            return
        if future.status == "finished":
            self._submissions.pop(token, None)
            self.success(submission.key)
        elif future.status == "error":
            self._submissions.pop(token, None)
            self.fail(submission.key, _reason(future))
        else:  # cancelled, or the connection is lost: whether it runs is unknown
            self._lost.append(token)
            self._wake()

    def _runs(self, token: str, worker: str) -> None:
        submission = self._submissions.get(token)
        if submission is not None:
            self.running_state(submission.key, worker)

    def _changed(self) -> None:
        self._wake()

    # ---------------------------------------------------------------- slots

    @property
    def slots_available(self) -> int:
        """How many attempts more could be queued: no more than the cluster has threads for.

        While all are over quickly, twice as many, so that no thread waits for the next one. Behind
        long ones they would wait on the cluster until they counted as stuck.
        """
        connection = self._connection
        threads = connection.cluster.threads if connection and connection.is_ready else 0
        room = threads * 2 if self._is_brisk else threads
        return min(self.parallelism or sys.maxsize, room) - self.slots_occupied

    @property
    def _is_brisk(self) -> bool:
        """Whether no attempt has been on the cluster for long: the first is the oldest."""
        oldest = list(self._submissions.values())[:1]
        now = self.clock.monotonic()
        return all(now - one.since < BRISK_S for one in oldest)

    # ---------------------------------------------------------------- taking back, taking over

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Take an attempt back, and have it stopped wherever it runs."""
        self._forget(ti.key)
        self._priorities.pop(ti.key, None)
        self._unsent.pop(ti.attempt, None)
        submission = self._submissions.pop(ti.attempt, None)
        future = None if submission is None else submission.future
        if self._connection is not None and ti.attempt:
            self._connection.stop([ti.attempt], [] if future is None else [future])

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Hand over what was queued for a dead scheduler, under the same token."""
        return [ti for ti in tis if not self._adopt(ti)]

    def _adopt(self, ti: TaskInstance) -> bool:
        if ti.state != TaskInstanceState.QUEUED or not ti.attempt:
            return False
        self._priorities[ti.key] = ti.priority_weight
        command = RunCommand(ti.key, pool=ti.pool, pickle_id=ti.pickle_id).words()
        try:
            self.execute_async(ti.key, command, ti.queue, ti.executor_config)
        except AttemptRefused as error:
            logger.warning("%s is not adopted: %s", ti.key, error)
            return False
        self.running.add(ti.key)
        return True

    # ---------------------------------------------------------------- looking

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return what the Dask workers know of the attempt, each line with the worker's address."""
        from airflow_lite_dask_executor.looking import task_lines

        return task_lines(self.config, ti), []

    def check_store(self, url: str) -> str | None:
        """Return why SQLite will not do: a worker may be on another machine; None if it will."""
        if not url.startswith("sqlite"):
            return None
        from airflow_lite_dask_executor.looking import workers_elsewhere

        elsewhere = workers_elsewhere(self.config)
        if not elsewhere:
            return None
        return (
            f"Dask worker {elsewhere[0]} is on another machine and cannot reach the SQLite file of "
            "this one. Set [database] sql_alchemy_conn to a PostgreSQL database, or use only "
            "workers of this machine."
        )


def _reason(future: Any) -> str:
    error = future.exception(timeout=5)
    text = str(error).strip() or type(error).__name__
    return f"Dask: {type(error).__name__}: {text.splitlines()[0]}"

"""DaskExecutor: attempts on a Dask cluster, run by a task host beside each Dask worker."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import (
    AttemptRefused,
    BaseExecutor,
    RunCommand,
    TaskInstanceState,
)
from airflow_lite_dask_executor.board import Board
from airflow_lite_dask_executor.placement import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.executors import TaskInstance, TaskInstanceKey
    from airflow_lite_dask_executor.connection import Connection
    from airflow_lite_dask_executor.placement import Placement

#: Seconds that `terminate` gives the workers to hear of it.
KILL_S = 3.0

logger = logging.getLogger(__name__)


class DaskExecutor(BaseExecutor):
    """Hands attempts to a Dask cluster, keyed by their tokens, and hears of their ends.

    While attempts are over quickly, some go together as one Dask task, a lane. What Dask says of an
    attempt is only a reason to look at its row. Handing one over again, after a lost connection or
    a dead worker, does no harm: only one task host can claim it.
    """

    supports_sentry = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection: Connection | None = None
        self._board = Board(self, wake=self._wake, now=self.clock.monotonic)
        self._priorities: dict[TaskInstanceKey, int] = {}
        self._default_queue = "default"

    def start(self) -> None:
        """Connect to the cluster, or start one; raise `ConfigError` if it cannot be reached."""
        from airflow_lite.worker import child_environment
        from airflow_lite_dask_executor.connection import Connection
        from airflow_lite_dask_executor.settings import DaskSettings
        from airflow_lite_dask_executor.store_file import StoreFile
        from airflow_lite_dask_executor.vetting import Vetting

        self._default_queue = self.config.get("operators", "default_queue")
        settings = DaskSettings.read(self.config)
        url = self.config.get("database", "sql_alchemy_conn")
        is_closed = StoreFile.of(url) is not None and not settings.is_loopback
        vetting = Vetting(url, is_closed=is_closed)
        connection = Connection(
            settings, vetting, on_change=self._wake, on_message=self._board.hear
        )
        connection.open(child_environment(self.config))
        self._connection = connection

    def end(self) -> None:
        """Wait for running attempts, at most `shutdown_grace_s`, then leave the cluster."""
        if self._connection is not None:
            super().end()
            self._close()

    def terminate(self) -> None:
        """Have everything killed, and leave the cluster."""
        super().terminate()
        tokens = self._board.clear()
        if self._connection is not None:
            self._connection.kill(tokens, KILL_S)
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._board.clear()
        if connection is not None:
            connection.close()

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
        self._board.add(key, command, placement)

    def _place(self, queue: str | None, executor_config: Any, priority: int) -> Placement:
        if self._connection is None:
            raise RuntimeError(f"{self} is not started. Call start() first.")
        options = {"default_queue": self._default_queue}
        try:
            return place(
                queue, executor_config, priority, cluster=self._connection.cluster, **options
            )
        except AttemptRefused:  # unless a worker came just now that can take it
            cluster = self._connection.look()
            return place(queue, executor_config, priority, cluster=cluster, **options)

    def sync(self) -> None:
        """Hand over new attempts, and again those that Dask released."""
        if self._connection is not None:
            self._board.hand_over(self._connection)

    @property
    def slots_available(self) -> int:
        """How many attempts more could be queued: no more than the cluster has threads for.

        While all are over quickly some more, so that no thread waits for the next one. Behind
        long ones they would wait on the cluster until they counted as stuck.
        """
        connection = self._connection
        threads = connection.cluster.threads if connection and connection.is_ready else 0
        return min(self.parallelism or sys.maxsize, self._board.room(threads)) - self.slots_occupied

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Take an attempt back, and have it stopped wherever it runs."""
        self._forget(ti.key)
        self._priorities.pop(ti.key, None)
        futures = self._board.remove(ti.attempt)
        if self._connection is not None and ti.attempt:
            self._connection.stop([ti.attempt], futures)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Hand over the attempts that a dead scheduler had queued, under the same tokens."""
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

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return the Dask workers' lines of the attempt, each with the worker's address."""
        from airflow_lite_dask_executor.looking import task_lines

        return task_lines(self.config, ti), []

    def check_store(self, url: str) -> str | None:
        """Return why SQLite cannot serve: a worker is on another machine; None if it can."""
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

"""LocalExecutor: tasks on the scheduler's machine, many at a time, by a task host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.worker.host.client import TaskHost

#: How long, in seconds, `end` waits for a host that runs nothing to be gone.
HOST_END_S = 3.0


class LocalExecutor(BaseExecutor):
    """Runs up to `parallelism` attempts at once in processes of this machine; 0 is no limit.

    The task host beneath is a process in a session of its own: it outlives a scheduler that is
    killed, finishes what runs, and records it.
    """

    is_local = True
    supports_sentry = True
    serve_logs = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._host: TaskHost | None = None
        self._keys: dict[str, TaskInstanceKey] = {}

    def start(self) -> None:
        """Start the task host."""
        from airflow_lite.worker.host.client import TaskHost

        self._host = TaskHost(
            self.config,
            on_ended=self._ended,
            on_running=self._runs,
            job_id=self.job_id,
            idle_s=self.config.getfloat("scheduler", "task_host_idle_timeout") or None,
        )
        self._host.start()

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Hand the command to the task host."""
        self._keys[key.attempt] = key
        self._running_host.run(command)

    def sync(self) -> None:
        """Look at nothing: the task host tells by itself what ended."""

    @property
    def _running_host(self) -> TaskHost:
        if self._host is None:
            raise RuntimeError(f"{self} is not started. Call start() first.")
        return self._host

    def _ended(self, token: str, was_claimed: bool) -> None:  # noqa: FBT001 - a callback
        """Tell the scheduler to look; called on the task host's thread."""
        key = self._keys.pop(token, None)
        if key is None:
            return
        if was_claimed:
            self.success(key)
        else:
            self.fail(key, "the task host did not claim it")

    def _runs(self, token: str) -> None:
        key = self._keys.get(token)
        if key is not None:
            self.running_state(key)

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop an attempt, or take it back if it waits."""
        self._forget(ti.key)
        self._keys.pop(ti.attempt, None)
        if self._host is not None:
            self._host.cancel(ti.attempt)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Send what was queued for a dead scheduler to this one's host, under the same token."""
        from airflow_lite.keys import RunCommand

        queued = [ti for ti in tis if ti.state == TaskInstanceState.QUEUED and ti.attempt]
        for ti in queued:
            self.running.add(ti.key)
            self.execute_async(
                ti.key, RunCommand(ti.key, pool=ti.pool, pickle_id=ti.pickle_id).words()
            )
        return [ti for ti in tis if ti not in queued]

    def end(self) -> None:
        """Claim no more, wait for what runs, then let the host finish the rest by itself."""
        if self._host is None:
            return
        self._host.drain()
        super().end()
        if not self.running:
            self._host.wait(HOST_END_S)  # it has nothing to do, and ends
        self._host.detach()
        self._host.wait(1.0)

    def terminate(self) -> None:
        """Kill what runs."""
        super().terminate()
        if self._host is not None:
            self._host.terminate()
            self._host.wait(5.0)


class SequentialExecutor(LocalExecutor):
    """Runs one attempt at a time, in a process of its own: the scheduler's loop never waits."""

    is_single_threaded = True
    is_production = False
    change_sensor_mode_to_reschedule = True  # what pokes would keep what it waits for from running

    def __init__(self, parallelism: int | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(1, clock=clock)

    def configure(self, config: Config) -> None:
        """Take `config`; its parallelism is for other executors."""
        super().configure(config)
        self.parallelism = 1

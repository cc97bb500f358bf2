"""KubernetesExecutor: each attempt in a pod of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.executors import AttemptRefused, BaseExecutor, RunCommand, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.executors import TaskInstance, TaskInstanceKey
    from airflow_lite_k8s_executor.tracker import PodTracker

#: States of a row that an attempt in it may still change.
_UNRECORDED = frozenset(
    {None, TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING}
)


class KubernetesExecutor(BaseExecutor):
    """Makes a pod for each attempt, whose name its token makes, and follows it to its end.

    The pod's program claims the attempt in the metadata database and records its outcome there. A
    pod's end is a reason to look at the row, and tells why where the row does not.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tracker: PodTracker | None = None

    def start(self) -> None:
        """Start the threads that reach the API server, whenever it can be reached."""
        from airflow_lite_k8s_executor.connection import read_and_connect
        from airflow_lite_k8s_executor.tracker import PodTracker

        settings, connection = read_and_connect(self.config)
        self._tracker = PodTracker(self, settings, connection)
        self._tracker.start()

    def end(self) -> None:
        """Wait for running attempts, at most `shutdown_grace_s`, then leave the pods alone."""
        if self._tracker is not None:
            super().end()
            self._tracker.settle()
            self._close()

    def terminate(self) -> None:
        """Have every pod deleted: each has its grace to record what it stops."""
        super().terminate()
        if self._tracker is not None:
            self._tracker.remove_all()
        self._close()

    def _close(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.close()

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Have the attempt's pod made soon."""
        from airflow_lite_k8s_executor.pods.spec import BadPodError

        try:
            self._require_tracker().add(key, command, executor_config or {})
        except BadPodError as error:
            raise AttemptRefused(str(error)) from error

    def _require_tracker(self) -> PodTracker:
        if self._tracker is None:
            raise RuntimeError(f"{self} is not started. Call start() first.")
        return self._tracker

    def sync(self) -> None:
        """Nothing is to do here: the tracker's threads report what they see."""

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Take an attempt back: its pod is deleted; where its outcome is recorded, it may end."""
        self._forget(ti.key)
        if self._tracker is not None and ti.attempt:
            self._tracker.revoke(ti, is_recorded=ti.state not in _UNRECORDED)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Take over the attempts that a dead scheduler had queued, under the same tokens."""
        return [ti for ti in tis if not self._adopt(ti)]

    def _adopt(self, ti: TaskInstance) -> bool:
        """Hand an attempt over once more: the pod of its name, if there is one, is it."""
        from airflow_lite_k8s_executor.pods.spec import BadPodError

        if ti.state != TaskInstanceState.QUEUED or not ti.attempt:
            return False
        command = RunCommand(ti.key, pool=ti.pool, pickle_id=ti.pickle_id).words()
        try:
            self._require_tracker().add(ti.key, command, ti.executor_config)
        except BadPodError:
            return False
        self.running.add(ti.key)
        return True

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Return what the attempt's pod has printed, while it is there."""
        from airflow_lite_k8s_executor.pod_log import task_log

        return task_log(self.config, ti)

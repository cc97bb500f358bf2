"""Wrong between the queue and the engine, and with events that should not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite_testing.mutants.base import Mutant

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import TaskTuple
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.keys import TaskInstanceKey


class LetsItOut(Mutant):
    """Lets what a submit raises end the heartbeat, as Airflow's BaseExecutor does."""

    caught_by = "faults.submit.one-that-raises-spoils-no-other"

    def _process_tasks(self, task_tuples: list[TaskTuple]) -> None:
        for key, command, queue, executor_config in task_tuples:
            self.queued_tasks.pop(key, None)
            self.execute_async(key, command, queue, executor_config)
            self.running.add(key)


class RefusalAsAccident(Mutant):
    """Tells a refusal as any other failure, so that it would be tried again for ever."""

    caught_by = "faults.submit.refusal-ends-the-try"

    def fail(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a failure without its kind."""
        super().fail(key, None if info is None else str(info))


class SuccessWhereNothingStarts(Mutant):
    """Tells a success where the program could not be started."""

    caught_by = "faults.submit.command-that-cannot-start"

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Start the attempt's process, if it can be."""
        try:
            super().execute_async(key, command, queue, executor_config)
        except OSError:
            self.success(key)


class QueuesTwice(Mutant):
    """Starts what is queued a second time beside the first."""

    caught_by = "faults.queue.twice-runs-once"

    def queue_command(
        self,
        task_instance: TaskInstance,
        command: list[str],
        priority: int = 1,
        queue: str | None = None,
    ) -> None:
        """Queue, or start at once what is queued already."""
        if task_instance.key in self.queued_tasks:
            self.execute_async(task_instance.key, command, queue)
            self.children[task_instance.key._replace(try_number=99)] = self.children.pop(
                task_instance.key
            )
        super().queue_command(task_instance, command, priority, queue)


class TaskForAttempt(Mutant):
    """Takes a late event of an old attempt for one of the new."""

    caught_by = "faults.events.late-one-touches-no-new-attempt"

    def _apply(
        self,
        key: TaskInstanceKey,
        state: str | None,
        info: Any,
        remove_running: bool,  # noqa: FBT001 - the contract's signature
    ) -> None:
        same = [other for other in self.running if other.primary == key.primary]
        super()._apply(same[0] if same else key, state, info, remove_running)


class CountsEachEvent(Mutant):
    """Frees a slot for every event, also for one that comes again."""

    caught_by = "faults.events.twice-does-no-harm"

    def success(self, key: TaskInstanceKey, info: Any = None) -> None:
        """Tell a success, and count a slot that may have been free already."""
        if key not in self.running and self.parallelism:
            self.parallelism += 1
        super().success(key, info)


class UnknownKeyRaises(Mutant):
    """Raises for an event of a key that it does not know."""

    caught_by = "faults.events.unknown-key-does-no-harm"

    def _apply(
        self,
        key: TaskInstanceKey,
        state: str | None,
        info: Any,
        remove_running: bool,  # noqa: FBT001 - the contract's signature
    ) -> None:
        if remove_running:
            self.running.remove(key)
        super()._apply(key, state, info, remove_running)

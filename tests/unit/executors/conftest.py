"""What the tests of executors share: task instances, an executor that a test steers, a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.task_instance import TaskInstance
from airflow_lite.keys import RunCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_lite.keys import TaskInstanceKey


class MovedClock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now_us(self) -> int:
        return round(self.seconds * 1_000_000)

    def monotonic(self) -> float:
        return self.seconds


class SteeredExecutor(BaseExecutor):
    """Records what it was asked to run; `on_execute` is what happens then."""

    def __init__(self, parallelism: int | None = 32, **kwargs: Any) -> None:
        super().__init__(parallelism, **kwargs)
        self.executed: list[TaskInstanceKey] = []
        self.syncs = 0
        self.on_execute: Callable[[TaskInstanceKey], None] = lambda key: None
        self.on_sync: Callable[[], None] = lambda: None

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        self.executed.append(key)
        self.on_execute(key)

    def sync(self) -> None:
        self.syncs += 1
        self.on_sync()


class RecordedMetrics:
    """Keeps every gauge that it was told."""

    def __init__(self) -> None:
        self.gauges: list[tuple[str, float, dict[str, str]]] = []

    def gauge(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        self.gauges.append((name, value, dict(tags)))


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def steered() -> type[SteeredExecutor]:
    return SteeredExecutor


@pytest.fixture
def recorded_metrics() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
def make_ti() -> Callable[..., TaskInstance]:
    def make(task_id: str = "task", dag_id: str = "dag", **fields: Any) -> TaskInstance:
        return TaskInstance(dag_id, task_id, "run", **{"attempt": "0" * 32, **fields})

    return make


@pytest.fixture
def queue() -> Callable[..., TaskInstanceKey]:
    """Give a function that queues a task instance in an executor, and returns its key."""

    def put(executor: BaseExecutor, ti: TaskInstance, priority: int = 1) -> TaskInstanceKey:
        executor.queue_command(ti, RunCommand(ti.key).words(), priority, ti.queue)
        return ti.key

    return put

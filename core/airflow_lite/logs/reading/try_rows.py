"""The rows of one try that reading its log takes, over one connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from airflow_lite.states import ACTIVE, FINISHED, RUN_FINISHED, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.config import Config
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.store.engine import Store
    from airflow_lite.store.queued import Queued

#: From these a further attempt of the same try may follow.
_WAITING = frozenset(
    {
        TaskInstanceState.SCHEDULED,
        TaskInstanceState.UP_FOR_RESCHEDULE,
        TaskInstanceState.DEFERRED,
    }
)


class TryRows:
    """Reads the rows of one try; opens the store once, at the first read."""

    def __init__(self, config: Config, key: TaskInstanceKey) -> None:
        self._config = config
        self._key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if "_store" in self.__dict__:
            self._store.close()

    @cached_property
    def _store(self) -> Store:
        from airflow_lite.store.engine import open_store

        return open_store(self._config, name="logs")

    def _row(self) -> Queued | None:
        from airflow_lite.store import queued

        with self._store.read() as connection:
            return queued.find(connection, [self._key]).get(self._key.primary)

    def is_begun_or_over(self) -> bool:
        """Whether the try was begun, or cannot be: its task or run is over."""
        row = self._row()
        if row is None or row.try_number >= self._key.try_number:
            return True
        return row.state in FINISHED or row.run.state in RUN_FINISHED

    def has_ended(self) -> bool:
        """Whether nothing more will come into the log of this try."""
        row = self._row()
        if row is None or row.try_number != self._key.try_number:
            return True
        if row.state in ACTIVE:
            return False
        return row.state not in _WAITING or row.run.state in RUN_FINISHED

    def instance(self) -> TaskInstance | None:
        """Return the task instance of this try as executors see it; None if there is none."""
        from airflow_lite.api.executor.task_instance import task_instance
        from airflow_lite.store import dags, listing

        key = self._key
        with self._store.read() as connection:
            row = listing.row_of_try(connection, key)
            known = dags.latest_spec(connection, key.dag_id)
        if row is None:
            return None
        task = None if known is None else known[1].tasks.get(key.task_id)
        return task_instance(
            key.primary,
            row,
            None if task is None else task.executor_config,
            external_executor_id=row.external_executor_id,
            hostname=row.hostname,
            executor=row.executor,
        )

    def hosts(self) -> list[str]:
        """Return the machines that ran attempts of this try, in their order."""
        from airflow_lite.store import listing

        with self._store.read() as connection:
            return listing.hosts_of_try(connection, self._key)

    def notes(self) -> Sequence[str]:
        """Return what the executor noted of this try."""
        from airflow_lite.store import notes

        with self._store.read() as connection:
            return notes.of_try(connection, self._key)

    def unlogged_causes(self) -> Sequence[str]:
        """Return the causes of ended attempts of this try that are missing from its log."""
        from airflow_lite.store import listing

        with self._store.read() as connection:
            return listing.unlogged_causes(connection, self._key)

"""The store for code that runs beside it: in the scheduler's process, in tests, in callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.store import attempts, lookup, xcoms

if TYPE_CHECKING:
    from airflow_lite.clock import Clock
    from airflow_lite.store.engine import Store
    from airflow_lite.store.lookup import StoredRun
    from airflow_lite.worker.task.store_client import Found


class StoreApi:
    """A `TaskApi` that reads and writes the store itself."""

    def __init__(
        self, store: Store, clock: Clock, run: StoredRun, owner: tuple[int, str, int]
    ) -> None:
        self._store = store
        self._clock = clock
        self._run = run
        self._instance_id, self._task_id, self._map_index = owner

    def push(self, key: str, value: str) -> None:
        """Write an XCom at once."""
        one = xcoms.XComValue(self._run.id, self._task_id, self._map_index, key, value)
        with self._store.begin() as connection:
            xcoms.put(connection, [one], self._clock.now_us())

    def pull(self, query: dict[str, Any]) -> list[Found]:
        """Read XComs."""
        with self._store.read() as connection:
            return [(*row,) for row in xcoms.get(connection, xcoms.XComQuery(**query))]

    def previous_run(self, state: str | None) -> dict[str, Any] | None:
        """Read an earlier run."""
        run = self._run
        with self._store.read() as connection:
            found = lookup.previous_run(connection, run.dag_id, run.logical_us, state)
        return None if found is None else found.fields()

    def rendered(self, fields: str) -> None:
        """Save the rendered fields."""
        with self._store.begin() as connection:
            attempts.save_rendered(connection, {self._instance_id: fields})

    def finished_tasks(self) -> list[dict[str, Any]]:
        """Read rows of the run."""
        with self._store.read() as connection:
            return lookup.finished_tasks(connection, self._run.id)

    def task_instances(self, run_row_id: int) -> list[dict[str, Any]]:
        """Read the rows of a run."""
        with self._store.read() as connection:
            return lookup.task_instances(connection, run_row_id)

    def first_reschedule(self, try_number: int) -> int | None:
        """Read the start of an earlier try."""
        with self._store.read() as connection:
            return lookup.first_reschedule(connection, self._instance_id, try_number)

    def given_state(self) -> str | None:
        """Return None: nothing stops the code here for what its row became."""
        return None


class TestApi(StoreApi):
    """Reads the store, and writes nothing: what was pushed is only seen by the task itself."""

    __test__ = False  # not a test, whatever its name begins with

    def __init__(
        self, store: Store, clock: Clock, run: StoredRun, owner: tuple[int, str, int]
    ) -> None:
        super().__init__(store, clock, run, owner)
        self._pushed: dict[str, str] = {}

    def push(self, key: str, value: str) -> None:
        """Keep an XCom for this task."""
        self._pushed[key] = value

    def pull(self, query: dict[str, Any]) -> list[Found]:
        """Read XComs, those that this task pushed before those of the store."""
        found = super().pull(query)
        tasks = query["task_ids"]
        if query["run_id"] != self._run.run_id or (tasks and self._task_id not in tasks):
            return found
        mine = [
            (self._task_id, self._map_index, key, value)
            for key, value in self._pushed.items()
            if query["key"] in {None, key}
        ]
        return mine + [row for row in found if row[:3] not in {one[:3] for one in mine}]

    def rendered(self, fields: str) -> None:
        """Save nothing."""

"""The store's side of the kit's attempts: runs of one DAG whose tasks are queued one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_lite.api.executor.task_instance import TaskInstance

DAG_ID = "conformance_kit"
#: A letter outside ASCII, a dot and a dash, as ids may have.
TASK_ID = "tâche-{}.a"
TASKS_PER_RUN = 24


class Rows:
    """The store: the DAG, and runs of it whose tasks are queued one by one."""

    def __init__(self, dag_file: Path, environ: Mapping[str, str]) -> None:
        from airflow_lite.config import Config
        from airflow_lite.store.engine import open_store

        self._config = Config.load(environ)
        self._store = open_store(self._config)
        self._spec = _spec()
        self._version = self._save(dag_file)
        self._free: list[tuple[int, int, str, str]] = []
        self._runs = 0

    def _save(self, path: Path) -> int:
        from airflow_lite.clock import SystemClock
        from airflow_lite.parsing.locations import location_of
        from airflow_lite.parsing.pool import FileResult
        from airflow_lite.store.dag_saving import save_results
        from airflow_lite.store.dags import latest_spec

        location = location_of(str(path), self._config.getpath("core", "dags_folder"))
        result = FileResult(location, "kit", (self._spec,))
        with self._store.begin() as connection:
            save_results(connection, [result], SystemClock().now_us())
            latest = latest_spec(connection, DAG_ID)
        assert latest is not None, "the kit's DAG was not saved"
        return latest[0]

    def queue(self, token: str) -> tuple[str, str]:
        """Queue the next free task instance under `token`; return its task id and run id."""
        if not self._free:
            self._new_run()
        run, row, task_id, run_id = self._free.pop()
        self._queue_row(run, row, None, None, token)
        return task_id, run_id

    def pickle(self, dag_file: Path) -> int:
        """Pickle the DAG of the file as schedulers do, signed; return the id of the pickle."""
        from airflow_lite.clock import SystemClock
        from airflow_lite.parsing.file import Options
        from airflow_lite.parsing.pool import parse_batches
        from airflow_lite.scheduler.dag_files.pickling import signer
        from airflow_lite.store.pickles import Unsaved, save

        options = Options(30.0, 2048, str(dag_file.parent), max_pickle_bytes=1 << 22)
        batches = parse_batches([str(dag_file)], options, environ=self._config.environ)
        ((result,),) = batches
        assert DAG_ID in result.pickles, f"the kit's DAG: {result.error or result.warnings}"
        unsaved = Unsaved(DAG_ID, self._version, result.pickles[DAG_ID])
        with self._store.begin() as connection:
            pickle_ids = save(connection, [unsaved], signer(self._config), SystemClock().now_us())
        return pickle_ids[DAG_ID]

    def requeue(self, ti: TaskInstance, token: str) -> None:
        """Queue the task instance of `ti` under a new token, whatever state it is in."""
        self._queue_row(*self._row(ti), token)

    def _queue_row(
        self, run: int, row: int, state: str | None, old: str | None, token: str
    ) -> None:
        from airflow_lite.clock import SystemClock
        from airflow_lite.store.runs import row_versions
        from airflow_lite.store.scheduling import queue_attempts

        now_us = SystemClock().now_us()
        values = {
            "row": row, "was_state": state, "was_attempt": old, "token": token, "try_number": 1,
            "try_started_us": None, "stuck": 0, "goes_on": False, "version": self._version,
            "executor_name": None,
            "actor": "kit", "cause": "conformance", "now_us": now_us,
        }  # fmt: skip
        with self._store.begin() as connection:
            values["run_version"] = row_versions(connection, [run])[run]
            assert queue_attempts(connection, [values]) == 1, f"row {row} was not {state}"

    def _new_run(self) -> None:
        from airflow_lite.clock import from_us
        from airflow_lite.store.runs import create_run
        from airflow_lite.store.scheduling import instance_rows

        self._runs += 1
        logical_us = (1_704_067_200 + 86_400 * self._runs) * 1_000_000
        run_id = f"manual__{from_us(logical_us).isoformat()}"
        with self._store.begin() as connection:
            row_id = create_run(
                connection, self._spec, self._version, run_id=run_id, run_type="manual",
                logical_us=logical_us, interval=(logical_us, logical_us), now_us=logical_us,
                external_trigger=True, state="running",
            )  # fmt: skip
            rows = instance_rows(connection, [row_id])
        self._free = [(row_id, row.id, row.task_id, run_id) for row in reversed(rows)]

    def state(self, ti: TaskInstance) -> str | None:
        """Return the state of the task instance's row."""
        return self._row(ti)[2]

    def _row(self, ti: TaskInstance) -> tuple[int, int, str | None, str | None]:
        from airflow_lite.store.lookup import find_run
        from airflow_lite.store.scheduling import instance_rows

        with self._store.read() as connection:
            run = find_run(connection, ti.dag_id, ti.run_id, None)
            assert run is not None, f"no run {ti.run_id}"
            rows = instance_rows(connection, [run.id])
        row = next(row for row in rows if row.task_id == ti.task_id)
        return run.id, row.id, row.state, row.attempt

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _spec() -> Any:
    from airflow_lite.spec.model import DagSpec, TaskSpec

    ids = [TASK_ID.format(number) for number in range(TASKS_PER_RUN)]
    tasks = {name: TaskSpec(name, "PythonOperator", priority_weight=1) for name in ids}
    return DagSpec(DAG_ID, tasks, start_date_us=1_704_067_200_000_000, catchup=False)

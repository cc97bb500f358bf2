"""What a task host reads of an attempt before it claims: its task instance's row, and its run's."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_lite.store.row_types import ColumnType, Shape
from airflow_lite.store.statement import Statement, read
from airflow_lite.store.test_dates import date_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.store.connection import Connection

logger = logging.getLogger(__name__)

#: Keys that one look-up takes: it probes runs x tasks, which a small batch keeps cheap.
_FIND_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A DAG run as the code of its tasks sees it."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    state: str
    logical_us: int
    interval_start_us: int
    interval_end_us: int
    queued_us: int
    start_us: int | None
    end_us: int | None
    external_trigger: bool
    conf: dict[str, Any]
    clear_number: int

    def fields(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Queued:
    """A task instance as its row was just before a claim."""

    id: int
    state: str | None
    attempt: str | None
    try_number: int
    max_tries: int
    try_started_us: int | None
    queued_us: int | None
    operator: str | None
    pool: str
    pool_slots: int
    queue: str
    priority_weight: int
    version_id: int | None
    next_method: str | None
    next_kwargs: str | None
    fileloc: str
    run: StoredRun


#: Of a run, and of a task instance: the columns in the order of the fields above.
RUN_COLUMNS = (
    ColumnType("id", int),
    ColumnType("dag_id", str),
    ColumnType("run_id", str),
    ColumnType("run_type", str),
    ColumnType("state", str),
    ColumnType("logical_us", int),
    ColumnType("interval_start_us", int),
    ColumnType("interval_end_us", int),
    ColumnType("queued_us", int),
    ColumnType("start_us", int, is_nullable=True),
    ColumnType("end_us", int, is_nullable=True),
    ColumnType("external_trigger", bool),
    ColumnType("conf", str),
    ColumnType("clear_number", int, is_count=True),
)
INSTANCE_COLUMNS = (
    ColumnType("id", int),
    ColumnType("state", str, is_nullable=True),
    ColumnType("attempt", str, is_nullable=True),
    ColumnType("try_number", int, is_count=True),
    ColumnType("max_tries", int, is_count=True),
    ColumnType("try_started_us", int, is_nullable=True),
    ColumnType("queued_us", int, is_nullable=True),
    ColumnType("operator", str, is_nullable=True),
    ColumnType("pool", str),
    ColumnType("pool_slots", int, is_count=True),
    ColumnType("queue", str),
    ColumnType("priority_weight", int, is_count=True),
    ColumnType("version_id", int, is_nullable=True),
    ColumnType("next_method", str, is_nullable=True),
    ColumnType("next_kwargs", str, is_nullable=True),
)
_TASK = (ColumnType("task_id", str), ColumnType("map_index", int, is_count=True))
_SHAPE = Shape((*RUN_COLUMNS, *_TASK, *INSTANCE_COLUMNS, ColumnType("fileloc", str)))
_WIDTH = len(RUN_COLUMNS)
_FLAG_AT = [column.kind for column in RUN_COLUMNS].index(bool)


def _of(table: str, columns: Sequence[ColumnType]) -> str:
    return ", ".join(f"{table}.{column.name}" for column in columns)


# The third condition leaves out the other pairs of the first two before the tasks of each run are
# looked up.
_FIND = Statement(f"""
SELECT {_of("dag_run", RUN_COLUMNS)}, {_of("task_instance", (*_TASK, *INSTANCE_COLUMNS))},
coalesce(dag.fileloc, '') AS fileloc
FROM dag_run JOIN task_instance ON task_instance.dag_run_id = dag_run.id
LEFT OUTER JOIN dag ON dag.dag_id = dag_run.dag_id
WHERE dag_run.dag_id IN :dags::TEXT[] AND dag_run.run_id IN :runs::TEXT[]
AND (dag_run.dag_id || ' ' || dag_run.run_id) IN :both::TEXT[]
AND task_instance.task_id IN :tasks::TEXT[]
AND task_instance.map_index IN :indexes::INTEGER[]
""")  # noqa: S608 - the names are ours


def find(
    connection: Connection, keys: Sequence[TaskInstanceKey]
) -> dict[tuple[str, str, str, int], Queued]:
    """Return the task instances of `keys` by their `primary`; what does not exist is missing.

    An instance whose row, or whose run's row, makes no sense is missing too, and logged.
    """
    instances: dict[tuple[str, str, str, int], Queued] = {}
    for at in range(0, len(keys), _FIND_AT_ONCE):
        instances.update(_find_some(connection, keys[at : at + _FIND_AT_ONCE]))
    return instances


def _find_some(
    connection: Connection, keys: Sequence[TaskInstanceKey]
) -> Iterator[tuple[tuple[str, str, str, int], Queued]]:
    primaries = {key.primary for key in keys}
    found = read(
        connection,
        _FIND,
        dags=list({key.dag_id for key in keys}),
        runs=list({key.run_id for key in keys}),
        both=list({f"{key.dag_id} {key.run_id}" for key in keys}),
        tasks=list({key.task_id for key in keys}),
        indexes=list({key.map_index for key in keys}),
    )
    runs: dict[int, StoredRun] = {}
    for row in map(_typed, found):
        _, dag_id, run_id, *_ = row
        task_id, map_index, *columns = row[_WIDTH:]
        primary = (dag_id, task_id, run_id, map_index)
        if primary not in primaries:
            continue
        try:
            _SHAPE.check(row)
            run = runs.get(row[0]) or runs.setdefault(row[0], stored_run(row[:_WIDTH]))
        except (ValueError, RecursionError) as error:
            logger.error("task %r of run %r cannot be read: %s", task_id, run_id, error)
        else:
            yield primary, Queued(*columns, run)  # type: ignore[call-arg]


def _typed(row: Any) -> tuple[Any, ...]:
    """Return a row with its flag as one: SQLite has 0 and 1."""
    flag = row[_FLAG_AT]
    if flag in (0, 1):
        flag = bool(flag)
    return (*row[:_FLAG_AT], flag, *row[_FLAG_AT + 1 :])


def stored_run(row: Sequence[Any]) -> StoredRun:
    """Return the run of these columns, in the order of its fields; raise ValueError."""
    values = list(row)
    at = StoredRun.__slots__.index("conf")
    values[at] = json.loads(values[at])
    if not isinstance(values[at], dict):
        raise ValueError(f"its run's conf is no JSON object: {values[at]!r:.100}")  # noqa: TRY004
    of_type, date = map(StoredRun.__slots__.index, ("run_type", "logical_us"))
    values[date] = date_us(values[of_type], values[date])
    return StoredRun(*values)

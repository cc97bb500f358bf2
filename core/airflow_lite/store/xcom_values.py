"""XComs as task hosts write and clear them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.store.statement import Statement, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.store.connection import Connection


class XComValue(NamedTuple):
    """One XCom to write; `value` is JSON text."""

    dag_run_id: int
    task_id: str
    map_index: int
    key: str
    value: str


_PUT = Statement("""
INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, at_us)
VALUES (:dag_run_id::BIGINT, :task_id::TEXT, :map_index::INTEGER, :key::TEXT, :value::TEXT,
:at_us::BIGINT)
ON CONFLICT (dag_run_id, task_id, map_index, key)
DO UPDATE SET value = excluded.value, at_us = excluded.at_us
""")
_CLEAR = Statement("""
DELETE FROM xcom WHERE xcom.dag_run_id = :run::BIGINT AND xcom.task_id = :task::TEXT
AND xcom.map_index = :index::INTEGER
""")


def put(connection: Connection, values: Sequence[XComValue], now_us: int) -> None:
    """Write XComs, in the order in which they were pushed, over what is under the same keys."""
    # A microsecond apart, so that which came last is known of what is written at once, too.
    rows = [{**value._asdict(), "at_us": now_us + at} for at, value in enumerate(values)]
    last = {value[:-1]: row for value, row in zip(values, rows, strict=True)}
    write(connection, _PUT, [*last.values()])


def clear(connection: Connection, owners: Sequence[tuple[int, str, int]]) -> None:
    """Delete every XCom of these (dag run row, task id, map index)."""
    rows = [{"run": run, "task": task, "index": index} for run, task, index in owners]
    write(connection, _CLEAR, rows)

"""Changes of datasets, as they are written with the ends of the tries that made them.

Once, though an end is written again: a COMMIT may not have been answered the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.store import doorbell
from airflow_lite.store.statement import Statement, change, read, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.store.attempts import Ended
    from airflow_lite.store.connection import Connection


class DatasetChange(NamedTuple):
    """A change of a dataset, and whose task instance made it; `extra` is JSON text."""

    uri: str
    extra: str
    aliases: tuple[str, ...]  # through which it was made
    dag_id: str
    task_id: str
    run_id: str
    map_index: int


_FRESH = Statement("""
SELECT task_instance.attempt FROM task_instance WHERE task_instance.id IN :ids::BIGINT[]
AND task_instance.state = 'success' AND NOT EXISTS
(SELECT * FROM dataset_event WHERE dataset_event.token = task_instance.attempt)
""")
_DATASET = Statement("""
INSERT INTO dataset (uri, created_us, updated_us)
VALUES (:uri::TEXT, :at_us::BIGINT, :at_us::BIGINT) ON CONFLICT (uri) DO NOTHING
""")
_LINK = Statement("""
INSERT INTO dataset_alias (alias, dataset_id)
VALUES (:alias::TEXT, (SELECT dataset.id FROM dataset WHERE dataset.uri = :uri::TEXT))
ON CONFLICT (alias, dataset_id) DO NOTHING
""")
_EVENT = Statement("""
INSERT INTO dataset_event (dataset_id, extra, source_dag_id, source_task_id, source_run_id,
source_map_index, at_us, token, number)
VALUES ((SELECT dataset.id FROM dataset WHERE dataset.uri = :uri::TEXT), :extra::TEXT,
:dag_id::TEXT, :task_id::TEXT, :run_id::TEXT, :map_index::INTEGER, :at_us::BIGINT, :token::TEXT,
:number::INTEGER) ON CONFLICT (token, number) DO NOTHING
""")
_THROUGH = Statement("""
INSERT INTO dataset_event_alias (event_id, alias)
VALUES ((SELECT dataset_event.id FROM dataset_event WHERE dataset_event.token = :token::TEXT
AND dataset_event.number = :number::INTEGER), :alias::TEXT)
ON CONFLICT (event_id, alias) DO NOTHING
""")
_QUEUE = Statement("""
INSERT INTO dataset_queue (dag_id, event_id) SELECT DISTINCT dag.dag_id, dataset_event.id
FROM dataset_event
JOIN dataset_use ON dataset_use.dataset_id = dataset_event.dataset_id
JOIN dag ON dag.dag_id = dataset_use.dag_id
WHERE dataset_event.token IN :tokens::TEXT[] AND dataset_use.task_id IS NULL
AND dag.is_active AND NOT dag.is_paused ON CONFLICT (dag_id, event_id) DO NOTHING
""")
_QUEUE_BY_ALIAS = Statement("""
INSERT INTO dataset_queue (dag_id, event_id) SELECT DISTINCT dag.dag_id, dataset_event.id
FROM dataset_event
JOIN dataset_alias ON dataset_alias.dataset_id = dataset_event.dataset_id
JOIN dataset_use ON dataset_use.alias = dataset_alias.alias
JOIN dag ON dag.dag_id = dataset_use.dag_id
WHERE dataset_event.token IN :tokens::TEXT[] AND dataset_use.task_id IS NULL
AND dag.is_active AND NOT dag.is_paused ON CONFLICT (dag_id, event_id) DO NOTHING
""")
#: Tokens of one statement; SQLite of old allows 999 parameters.
_CHUNK = 500


def record(connection: Connection, reports: Sequence[Ended]) -> None:
    """Write the changes that successful tries made, and queue them for the DAGs that wait.

    For those that are paused nothing is queued, as in Airflow. Schedulers are woken. Nothing is
    written for what has no outlets, nor for a try whose end was not accepted.
    """
    made = [report for report in reports if report.changes]
    for at in range(0, len(made), _CHUNK):
        _record(connection, made[at : at + _CHUNK])


def _record(connection: Connection, reports: Sequence[Ended]) -> None:
    ids = [report.instance_id for report in reports]
    fresh = {token for (token,) in read(connection, _FRESH, ids=ids)}
    rows: list[dict[str, Any]] = [
        {**made._asdict(), "token": report.token, "number": number, "at_us": report.ended_us}
        for report in reports
        if report.token in fresh
        for number, made in enumerate(report.changes)
    ]
    if not rows:
        return
    through = [{**row, "alias": alias} for row in rows for alias in row["aliases"]]
    # In one order for all, so that two writers do not wait for one another.
    by_uri = {row["uri"]: row for row in sorted(rows, key=lambda row: row["uri"])}
    by_link = {(row["alias"], row["uri"]): row for row in through}
    write(connection, _DATASET, [*by_uri.values()])
    write(connection, _LINK, [by_link[key] for key in sorted(by_link)])
    write(connection, _EVENT, rows)
    write(connection, _THROUGH, through)
    tokens = sorted(fresh)
    queued = change(connection, _QUEUE, tokens=tokens)
    if queued + change(connection, _QUEUE_BY_ALIAS, tokens=tokens):
        doorbell.ring(connection, datasets=True)

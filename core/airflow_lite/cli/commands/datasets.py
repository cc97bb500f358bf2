"""`airflow-lite datasets …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.cli import context, resolve
from airflow_lite.cli.output import Cell, print_rows
from airflow_lite.clock import iso
from airflow_lite.secrets_masker import redact
from airflow_lite.store import dataset_listing

if TYPE_CHECKING:
    from airflow_lite.store.dataset_listing import StoredDataset


def list_datasets(args: context.Args) -> int:
    """List the datasets by URI."""
    resolve.refresh(args)
    with context.store(args).read() as connection:
        rows = dataset_listing.datasets(connection)
    print_rows(
        [_row(row) for row in rows],
        args.output,
        columns=args.columns,
        shown=("uri", "consuming_dags", "producing_tasks", "last_update"),
        wide=("extra", "total_updates"),
    )
    return 0


def details(args: context.Args) -> int:
    """Show one dataset."""
    resolve.refresh(args)
    with context.store(args).read() as connection:
        row = dataset_listing.the_dataset(connection, args.uri)
        waiting = dataset_listing.queued_dags(connection, row.id)
    print_rows(
        [{**_row(row), "aliases": _names(row.aliases), "queued_for_dags": _names(waiting)}],
        args.output,
        columns=args.columns,
    )
    return 0


def _row(row: StoredDataset) -> dict[str, Any]:
    tasks = [{"dag_id": dag_id, "task_id": task_id} for dag_id, task_id in row.producing]
    dags = [{"dag_id": dag_id} for dag_id in row.consuming]
    return {
        "id": row.id,
        "uri": row.uri,
        "extra": redact(row.extra),
        "created_at": iso(row.created_us),
        "updated_at": iso(row.updated_us),
        "consuming_dags": Cell(dags, ", ".join(row.consuming)),
        "producing_tasks": Cell(tasks, ", ".join(map(".".join, row.producing))),
        "last_update": iso(row.last_event_us),
        "total_updates": row.event_count,
    }


def _names(names: list[str]) -> Cell:
    return Cell(names, ", ".join(names))

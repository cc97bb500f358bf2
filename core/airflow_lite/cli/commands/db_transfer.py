"""`airflow-lite db export` and `airflow-lite db import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.cli import context
from airflow_lite.errors import UserError

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store


def export_records(args: context.Args) -> int:
    """Write all that the store holds to a file."""
    from airflow_lite.store.migrate import bare_store
    from airflow_lite.store.transfer.export_rows import export_rows

    config, path = context.config(args), Path(args.path).expanduser().absolute()
    with bare_store(config) as store:
        _refuse_live_jobs(config, store)
        counts = export_rows(store, path)
    _print_counts(counts)
    print(f"Exported {sum(counts.values())} record(s) to {path}")
    return 0


def import_records(args: context.Args) -> int:
    """Write all that a file of `db export` holds into the store, which is empty."""
    from airflow_lite.store.engine import shown_url
    from airflow_lite.store.migrate import bare_store
    from airflow_lite.store.transfer.archive import read_archive
    from airflow_lite.store.transfer.import_rows import import_rows

    config, path = context.config(args), Path(args.path).expanduser().absolute()
    with read_archive(path) as archive, bare_store(config) as store:
        _refuse_live_jobs(config, store)
        counts = import_rows(store, config, archive, _tell_resumed)
        _print_counts(counts)
        print(f"Imported {sum(counts.values())} record(s) into {shown_url(store.engine.url)}")
    return 0


def _refuse_live_jobs(config: Config, store: Store) -> None:
    from airflow_lite.scheduler.recovery.live_jobs import live_jobs
    from airflow_lite.store.revision import HEAD, revision_of

    with store.read() as connection:
        if revision_of(connection) != HEAD:
            return
        jobs = live_jobs(config, connection)
    if jobs.beating:
        job = jobs.beating[0]
        raise UserError(
            f"The {job.kind.replace('_', ' ')} with pid {job.pid} on {job.hostname} uses this"
            " database. Stop it first."
        )
    if jobs.silent:
        raise UserError(str(jobs.silent[0]))


def _tell_resumed(count: int) -> None:
    context.notice(f"An import was begun before: going on after {count} record(s).")


def _print_counts(counts: dict[str, int]) -> None:
    for table, count in counts.items():
        print(f"{table}: {count} record(s)")

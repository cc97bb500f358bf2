"""`airflow-lite db clean`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_lite.cli import context, resolve
from airflow_lite.clock import iso
from airflow_lite.errors import UserError

if TYPE_CHECKING:
    from airflow_lite.store.engine import Store

#: Seconds without the write lock after each batch: a scheduler beside us gets it then.
PAUSE_S = 0.02


def clean(args: context.Args) -> int:
    """Delete what is old; with `--dry-run` only say how much that is."""
    from airflow_lite.store import cleaning

    tables = _tables(args.tables, cleaning.TABLES)
    before_us = resolve.to_us(args, args.clean_before_timestamp) or 0
    store = context.store(args)
    with store.read() as connection:
        counts = {table: cleaning.count_old(connection, table, before_us) for table in tables}
    for table, count in counts.items():
        print(f"{table}: {count} old record(s)")
    if args.dry_run or not any(counts.values()):
        return 0
    if not context.confirmed(
        args, f"This deletes what ended before {iso(before_us)}. Nothing is archived."
    ):
        print("Cancelled, nothing was deleted.")
        return 1
    deleted = sum(_clean(store, table, before_us) for table in tables)
    print(f"Removed {deleted} record(s)")
    return 0


def _tables(names: list[str] | None, known: tuple[str, ...]) -> list[str]:
    wrong = [name for name in names or () if name not in known]
    if wrong:
        raise UserError(
            f"{wrong[0][:60]!r} is no table that can be cleaned. There are: {', '.join(known)}."
        )
    return [table for table in known if names is None or table in names]


def _clean(store: Store, table: str, before_us: int) -> int:
    from airflow_lite.store.cleaning import delete_some

    total = 0
    while count := delete_some(store, table, before_us):
        total += count
        time.sleep(PAUSE_S)
    return total

"""`airflow-lite pools …`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from airflow_lite.cli import context
from airflow_lite.cli.output import print_rows
from airflow_lite.keys import check_id
from airflow_lite.store import doorbell, pools


def list_pools(args: context.Args) -> int:
    """List the pools."""
    with context.store(args).read() as connection:
        rows = pools.pools(connection)
    print_rows(
        [_row(row) for row in rows],
        args.output,
        columns=args.columns,
        shown=("pool", "slots", "running_slots", "queued_slots"),
        wide=("open_slots", "description"),
    )
    return 0


def get_pool(args: context.Args) -> int:
    """Show one pool."""
    with context.store(args).read() as connection:
        row = pools.the_pool(connection, args.pool)
    print_rows([_row(row)], args.output, columns=args.columns)
    return 0


def set_pool(args: context.Args) -> int:
    """Make a pool or change it."""
    check_id(args.pool, "pool name")
    for transaction in context.transactions(args):
        with transaction as connection:
            made = pools.set_pool(
                connection,
                args.pool,
                args.slots,
                args.description,
                include_deferred=args.include_deferred,
            )
            doorbell.ring(connection)
    print(f"Pool {args.pool} {'created' if made else 'changed'}")
    return 0


def delete_pool(args: context.Args) -> int:
    """Delete a pool."""
    for transaction in context.transactions(args):
        with transaction as connection:
            pools.delete_pool(connection, args.pool)
            doorbell.ring(connection)
    print(f"Pool {args.pool} deleted")
    return 0


def _row(row: RowMapping) -> dict[str, Any]:
    slots = row["slots"]
    return {
        "pool": row["name"],
        "slots": slots,
        "description": row["description"],
        "include_deferred": row["include_deferred"],
        "running_slots": row["running_slots"],
        "queued_slots": row["queued_slots"],
        "open_slots": slots - row["running_slots"] - row["queued_slots"] if slots >= 0 else None,
    }

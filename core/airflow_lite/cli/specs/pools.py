"""`airflow-lite pools …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import LISTING, OUTPUT, command
from airflow_lite.cli.types import whole

_POOL = Arg("pool", "The pool's name", metavar="NAME", completer="pool")

COMMANDS = (
    command("list", "pools.list_pools", "List the pools", *LISTING),
    command("get", "pools.get_pool", "Show one pool", _POOL, *LISTING),
    command(
        "set",
        "pools.set_pool",
        "Make a pool or change it",
        _POOL,
        Arg("slots", "Number of slots; -1 is without limit", type=whole),
        Arg("description", "What the pool is for"),
        switch("--include-deferred", "Count deferred tasks as taking slots"),
        OUTPUT,
        epilog='example: airflow-lite pools set database 4 "Queries of the warehouse"',
    ),
    command("delete", "pools.delete_pool", "Delete a pool", _POOL, OUTPUT),
)

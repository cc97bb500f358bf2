"""`airflow-lite pools …`."""

from __future__ import annotations

from airflow_lite.cli.options import OUTPUT, run_of, switch
from airflow_lite.cli.spec import ActionCommand, Arg
from airflow_lite.cli.types import whole

_POOL = Arg("pool", "The pool's name", metavar="NAME", completer="pool")

COMMANDS = (
    ActionCommand("list", "List the pools", run_of("pools.list_pools"), (OUTPUT,)),
    ActionCommand("get", "Show one pool", run_of("pools.get_pool"), (_POOL, OUTPUT)),
    ActionCommand(
        "set",
        "Make a pool or change it",
        run_of("pools.set_pool"),
        (
            _POOL,
            Arg("slots", "Number of slots; -1 is without limit", type=whole),
            Arg("description", "What the pool is for"),
            switch("--include-deferred", "Count deferred tasks as taking slots"),
            OUTPUT,
        ),
        epilog='example: airflow-lite pools set database 4 "Queries of the warehouse"',
    ),
    ActionCommand("delete", "Delete a pool", run_of("pools.delete_pool"), (_POOL, OUTPUT)),
)

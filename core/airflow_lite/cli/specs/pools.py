"""`airflow-lite pools …`."""

from __future__ import annotations

from airflow_lite.cli.options import OUTPUT, switch
from airflow_lite.cli.spec import ActionCommand, Arg, lazy_load_command

_COMMANDS = "airflow_lite.cli.commands.pools"
_POOL = Arg("pool", "The pool's name", metavar="NAME", completer="pool")

COMMANDS = (
    ActionCommand(
        "list", "List the pools", lazy_load_command(f"{_COMMANDS}.list_pools"), (OUTPUT,)
    ),
    ActionCommand(
        "get", "Show one pool", lazy_load_command(f"{_COMMANDS}.get_pool"), (_POOL, OUTPUT)
    ),
    ActionCommand(
        "set",
        "Make a pool or change it",
        lazy_load_command(f"{_COMMANDS}.set_pool"),
        (
            _POOL,
            Arg("slots", "Number of slots; -1 is without limit", type=int),
            Arg("description", "What the pool is for"),
            switch("--include-deferred", "Count deferred tasks as taking slots"),
            OUTPUT,
        ),
        epilog='example: airflow-lite pools set database 4 "Queries of the warehouse"',
    ),
    ActionCommand(
        "delete", "Delete a pool", lazy_load_command(f"{_COMMANDS}.delete_pool"), (_POOL, OUTPUT)
    ),
)

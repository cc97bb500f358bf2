"""The command line. Plugins describe their commands with what is exported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.cli.context import config
    from airflow_lite.cli.output import print_rows
    from airflow_lite.cli.run_once import run_dag_once
    from airflow_lite.cli.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
    from airflow_lite.errors import UserError
    from airflow_lite.logs.serving import serve_logs

__all__ = [
    "ActionCommand",
    "Arg",
    "GroupCommand",
    "UserError",
    "config",
    "lazy_load_command",
    "print_rows",
    "run_dag_once",
    "serve_logs",
]

_HOMES = {
    "ActionCommand": "airflow_lite.cli.spec",
    "Arg": "airflow_lite.cli.spec",
    "GroupCommand": "airflow_lite.cli.spec",
    "UserError": "airflow_lite.errors",
    "config": "airflow_lite.cli.context",
    "lazy_load_command": "airflow_lite.cli.spec",
    "print_rows": "airflow_lite.cli.output",
    "run_dag_once": "airflow_lite.cli.run_once",
    "serve_logs": "airflow_lite.logs.serving",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

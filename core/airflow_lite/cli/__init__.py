"""The command line. Plugins describe their commands with what is exported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.api.commands.spec import ActionCommand, Arg, GroupCommand, lazy_load_command
    from airflow_lite.cli.context import config
    from airflow_lite.cli.options import listing_arguments
    from airflow_lite.cli.output import print_rows
    from airflow_lite.cli.runs.dag_tasks import queued_tasks, tasks_of_dag
    from airflow_lite.cli.runs.halves import print_halves
    from airflow_lite.cli.runs.run_once import run_dag_once
    from airflow_lite.errors import UserError
    from airflow_lite.logs.serving.serve_logs import serve_logs

__all__ = [
    "ActionCommand",
    "Arg",
    "GroupCommand",
    "UserError",
    "config",
    "lazy_load_command",
    "listing_arguments",
    "print_halves",
    "print_rows",
    "queued_tasks",
    "run_dag_once",
    "serve_logs",
    "tasks_of_dag",
]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these
    __getattr__ = lazily(
        __name__,
        {
            "cli.context": ("config",),
            "cli.options": ("listing_arguments",),
            "cli.output": ("print_rows",),
            "cli.runs.dag_tasks": ("queued_tasks", "tasks_of_dag"),
            "cli.runs.halves": ("print_halves",),
            "cli.runs.run_once": ("run_dag_once",),
            "api.commands.spec": ("ActionCommand", "Arg", "GroupCommand", "lazy_load_command"),
            "errors": ("UserError",),
            "logs.serving.serve_logs": ("serve_logs",),
        },
    )

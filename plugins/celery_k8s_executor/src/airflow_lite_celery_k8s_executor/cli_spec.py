"""`airflow-lite celery-k8s …`, as data."""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command

GROUP = GroupCommand(
    "celery-k8s",
    "Look at which half of CeleryKubernetesExecutor gets a task",
    (
        ActionCommand(
            "where",
            "List a DAG's tasks, each with the half that gets it, and why",
            lazy_load_command("airflow_lite_celery_k8s_executor.commands.where"),
            (
                Arg("dag_id", help="The DAG", completer="dag_id"),
                Arg(
                    ("-o", "--output"),
                    help="How rows are printed (default: table)",
                    choices=("table", "json", "yaml", "plain"),
                    default="table",
                ),
                Arg(
                    "--columns",
                    help="Columns to show, comma-separated",
                    type=lambda text: text.split(","),
                    metavar="NAME,NAME",
                ),
            ),
            epilog="example: airflow-lite celery-k8s where my_dag",
        ),
    ),
)

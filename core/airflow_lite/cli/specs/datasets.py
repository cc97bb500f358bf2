"""`airflow-lite datasets …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg
from airflow_lite.cli.options import LISTING, command

COMMANDS = (
    command(
        "list",
        "datasets.list_datasets",
        "List the datasets, with the DAGs that wait for them and the tasks that change them",
        *LISTING,
    ),
    command(
        "details",
        "datasets.details",
        "Show all that is known of one dataset",
        Arg("--uri", "The dataset's URI", required=True, completer="dataset"),
        *LISTING,
        epilog="example: airflow-lite datasets details --uri s3://bucket/orders",
    ),
)

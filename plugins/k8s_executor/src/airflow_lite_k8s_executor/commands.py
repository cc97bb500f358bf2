"""The functions behind the commands of `airflow-lite kubernetes`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_lite.cli import UserError, config, print_rows

if TYPE_CHECKING:
    import argparse

#: Fewest minutes after which a pod that waits is deleted by hand.
LEAST_PENDING_MINUTES = 5


def status(args: argparse.Namespace) -> int:
    """List the pods of tasks."""
    from airflow_lite_k8s_executor.looking import connected, pod_rows

    with connected(config(args)) as (settings, connection):
        rows = pod_rows(settings, connection)
    print_rows(
        rows,
        args.output,
        columns=args.columns,
        shown=("pod", "dag_id", "task_id", "run_id", "state", "reason"),
        wide=("namespace", "try_number", "map_index", "node", "age_s", "attempt"),
    )
    return 0


def manifests(args: argparse.Namespace) -> int:
    """Print the manifests, one document after the other."""
    from airflow_lite_k8s_executor.deployment import Deployment

    deployment = Deployment.of(args.namespace, args.image, args.dags, args.database_url_file)
    sys.stdout.write("---\n".join(deployment.parts().values()))
    return 0


def cleanup_pods(args: argparse.Namespace) -> int:
    """Delete pods that have ended, or wait for too long."""
    from airflow_lite_k8s_executor.looking import connected, remove_useless

    if args.min_pending_minutes < LEAST_PENDING_MINUTES:
        raise UserError(
            f"--min-pending-minutes is {args.min_pending_minutes}. Make it"
            f" {LEAST_PENDING_MINUTES} or more: a pod takes its time to start."
        )
    with connected(config(args)) as (settings, connection):
        names = remove_useless(settings, connection, args.namespace, args.min_pending_minutes * 60)
    sys.stdout.write("".join(f"{name}\n" for name in names))
    sys.stdout.write(f"{_pods(len(names))} deleted.\n")
    return 0


def generate_dag_yaml(args: argparse.Namespace) -> int:
    """Write the pod of each task of a DAG to a file."""
    from airflow_lite.cli import tasks_of_dag
    from airflow_lite_k8s_executor.exporting import write_pods

    tasks = tasks_of_dag(args, args.dag_id, args.logical_date)
    folder = write_pods(config(args), tasks, args.output_path)
    sys.stdout.write(f"{_pods(len(tasks))} written to {folder}\n")
    return 0


def _pods(count: int) -> str:
    return "1 pod is" if count == 1 else f"{count} pods are"

"""DAGs as the files have them now: parsed if no scheduler has seen them, or not as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.cli import context
from airflow_lite.errors import DagNotFound
from airflow_lite.keys import check_id
from airflow_lite.store import dags, listing

if TYPE_CHECKING:
    import argparse

    from airflow_lite.dag.spec import DagSpec


def refresh(args: argparse.Namespace, dag_id: str | None = None) -> None:
    """Parse the DAG files that are new or changed: all, or those that may hold `dag_id`."""
    from airflow_lite.scheduler.dag_files import process_now

    config, store = context.config(args), context.store(args)
    folder = config.get("core", "dags_folder")
    if not Path(folder).is_dir():
        context.notice(
            f"The DAG folder {folder} does not exist. Make it, or set [core] dags_folder."
        )
    process_now(config, store, dag_id)


def the_spec(args: argparse.Namespace, dag_id: str | None = None) -> tuple[int, DagSpec]:
    """Return version id and spec of `args.dag_id` (or `dag_id`), its file looked at again.

    Raises `InvalidIdError` and `DagNotFound`.
    """
    wanted = check_id(args.dag_id if dag_id is None else dag_id, "DAG id")
    refresh(args, wanted)
    with context.store(args).read() as connection:
        row = listing.the_dag(connection, wanted)
        found = dags.latest_spec(connection, wanted)
    if found is None or not row["is_active"]:
        raise DagNotFound(
            f"DAG {wanted!r} is not in {row['fileloc']} any more. Put it back, or remove its"
            f" records with `airflow-lite dags delete {wanted}`."
        )
    if row["has_import_errors"]:
        context.notice(
            f"{row['fileloc']} cannot be imported as it is now; DAG {wanted!r} is taken as it was."
            " See `airflow-lite dags list-import-errors`."
        )
    return found


def is_within(args: argparse.Namespace, path: str) -> bool:
    """Return whether a DAG file is what `--subdir` names, or in it; without one, True."""
    if not getattr(args, "subdir", None):
        return True
    wanted = Path(args.subdir).expanduser().absolute()
    return wanted in {Path(path), *Path(path).parents}

"""`airflow-lite dags report | show-dependencies`: what the DAG files have, all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from airflow_lite.cli import context, resolve
from airflow_lite.cli.dot import dependencies_dot, write_dot
from airflow_lite.cli.output import print_rows
from airflow_lite.spec.model import DagSpec
from airflow_lite.store import dags, listing


class _File(NamedTuple):
    path: str
    duration_us: int
    dags: list[DagSpec]


def report(args: context.Args) -> int:
    """List the DAG files, the slowest first."""
    folder = str(context.config(args).getpath("core", "dags_folder"))
    rows = [
        {
            "file": file.path.removeprefix(folder),
            "duration": timedelta(microseconds=file.duration_us),
            "dag_num": len(file.dags),
            "task_num": sum(len(dag.tasks) for dag in file.dags),
            "dags": sorted(dag.dag_id for dag in file.dags),
        }
        for file in sorted(_files(args), key=lambda file: -file.duration_us)
    ]
    print_rows(
        rows,
        args.output,
        columns=args.columns,
        shown=("file", "duration", "dag_num"),
        wide=("task_num", "dags"),
    )
    return 0


def show_dependencies(args: context.Args) -> int:
    """Print the graph of which DAGs wait for others, or start runs of them."""
    write_dot(dependencies_dot(_all_dags(_files(args))), args.save)
    return 0


def _all_dags(files: Iterable[_File]) -> Iterator[DagSpec]:
    for file in files:
        yield from file.dags


def _files(args: context.Args) -> list[_File]:
    """Return the files of `--subdir`, else those of the DAG folder as they are now."""
    subdir = resolve.named(args)
    if subdir is not None:
        from airflow_lite.scheduler.dag_files.unsaved import files_in

        parsed = files_in(context.config(args), subdir)
        return [_File(file.path, file.duration_us, [*file.dags]) for file in parsed]
    resolve.refresh(args)
    with context.store(args).read() as connection:
        files = dags.known_files(connection)
        active = {row["dag_id"] for row in listing.dags(connection)}
        specs = dags.specs_of(connection, active)
    return [
        _File(
            resolve.file_path(args, file.path),
            file.duration_us,
            [specs[name][1] for name in file.dag_ids if not file.error and name in specs],
        )
        for file in files
    ]

"""`airflow-lite dags list-runs | test`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping

from airflow_lite.cli import context, resolve
from airflow_lite.cli.dot import dot, write_dot
from airflow_lite.cli.output import known_columns, print_rows
from airflow_lite.cli.runs.run_conf import checked_conf
from airflow_lite.cli.runs.why_failed import tell_why
from airflow_lite.clock import US_PER_S, SystemClock, iso
from airflow_lite.keys import check_id
from airflow_lite.store import listing, test_runs

_COLUMNS = ("dag_id", "run_id", "state", "execution_date", "start_date", "end_date")


def list_runs(args: context.Args) -> int:
    """List the runs of a DAG, or of all, the latest first."""
    if args.dag_id is not None:
        check_id(args.dag_id, "DAG id")
    resolve.fail_runs_of_dead_tests(args)
    with context.store(args).read() as connection:
        rows = listing.runs(
            connection,
            args.dag_id,
            state=args.state,
            start_us=resolve.to_us(args, args.start_date),
            end_us=resolve.to_us(args, args.end_date),
            since_us=_since_us(args),
            backfills=not args.no_backfill,
        )
    if not rows and args.dag_id is not None:
        resolve.the_spec(args)
    if not rows and args.columns is not None:
        known_columns(args.columns, _COLUMNS)  # a typing error is told without a run, too
    print_rows(
        [_run_row(row) for row in rows],
        args.output,
        columns=args.columns,
        shown=("run_id", "state") if args.dag_id is not None else ("dag_id", "run_id", "state"),
        wide=("start_date", "end_date", "execution_date"),
    )
    return 0


def _since_us(args: context.Args) -> int | None:
    if isinstance(args.since, timedelta):
        return SystemClock().now_us() - round(args.since.total_seconds() * US_PER_S)
    return resolve.to_us(args, args.since)


def _run_row(run: RowMapping) -> dict[str, Any]:
    values = (
        run["dag_id"],
        run["run_id"],
        run["state"],
        iso(test_runs.date_of(run)),
        iso(run["start_us"]) or "",
        iso(run["end_us"]) or "",
    )
    return dict(zip(_COLUMNS, values, strict=True))


def test(args: context.Args) -> int:
    """Run a DAG once, here and now; exit with 0 only if the run succeeded."""
    logical_us = resolve.to_us(args, args.execution_date)
    run = run_with_progress(
        args, args.dag_id, logical_us=logical_us, conf=args.conf, use_executor=args.use_executor
    )
    if args.show_dagrun or args.save_dagrun:
        _draw(args, run)
    return 0 if run["state"] == "success" else 1


def run_with_progress(
    args: context.Args,
    dag_id: str,
    *,
    logical_us: int | None = None,
    conf: str | None = None,
    use_executor: bool = False,
    live: bool = False,
) -> RowMapping:
    """Run a DAG once without a scheduler, show how it goes, and print a table of its tasks.

    Returns the run's row. `logical_us` None is now; `conf` is JSON; `live` shows a bar where there
    is a terminal. Raises `UserError`.
    """
    dag = resolve.the_dag(args, dag_id)
    spec = dag.spec
    checked = checked_conf(conf, spec)
    from airflow_lite.cli.runs.progress import progress
    from airflow_lite.scheduler.single_run import DagSource, run_dag

    logical_us = SystemClock().now_us() if logical_us is None else logical_us
    with progress(len(spec.tasks), live=live) as show:
        run_dag(
            context.config(args),
            context.store(args),
            dag_id,
            logical_us,
            checked,
            use_executor=use_executor,
            on_event=show,
            source=None if dag.version_id is not None else DagSource(spec, dag.path),
        )
    return _summary(args, dag_id, logical_us)


def _summary(args: context.Args, dag_id: str, logical_us: int) -> RowMapping:
    with context.store(args).read() as connection:
        run = listing.the_run(connection, dag_id, test_runs.run_id_of(logical_us))
        instances = listing.instances(connection, run["id"])
    print()
    print_rows([_task_row(instance) for instance in instances])
    print(f"\nRun {run['run_id']} of DAG {dag_id}: {run['state']}")
    sys.stdout.flush()  # what follows is on stderr, and comes after it
    if run["state"] != "success":
        tell_why(args, run)
    return run


def _draw(args: context.Args, run: RowMapping) -> None:
    spec = resolve.the_dag(args).spec
    with context.store(args).read() as connection:
        instances = listing.instances(connection, run["id"])
    states = {instance["task_id"]: instance["state"] for instance in instances}
    write_dot(dot(spec, states), args.save_dagrun)


def _task_row(instance: RowMapping) -> dict[str, Any]:
    start, end = instance["start_us"], instance["end_us"]
    seconds = "" if start is None or end is None else f"{(end - start) / US_PER_S:.3f}"
    name, index = instance["task_id"], instance["map_index"]
    return {
        "task": name if index < 0 else f"{name}[{index}]",
        "state": instance["state"] or "none",
        "try": instance["try_number"],
        "seconds": seconds,
    }

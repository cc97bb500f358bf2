"""`airflow-lite dags backfill`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from airflow_lite.cli import context, resolve
from airflow_lite.cli.commands.task_clear import clear_warning, shown_name
from airflow_lite.cli.output import print_rows
from airflow_lite.cli.runs.run_conf import checked_conf
from airflow_lite.clock import iso
from airflow_lite.errors import TaskNotFound, UserError
from airflow_lite.spec.graph import with_relatives
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import pools

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow_lite.config import Config
    from airflow_lite.scheduler.backfill import BackfillEnd, BackfillRange, PlannedRun, StuckRun
    from airflow_lite.scheduler.state.backfill import Backfill, BackfillOptions
    from airflow_lite.spec.model import DagSpec

#: Most failed tasks, and runs that wait, that are named at the end.
MOST_SHOWN = 10
#: Tries that are shown without --verbose.
_TOLD = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UP_FOR_RETRY})


def backfill(args: context.Args) -> int:
    """Run a DAG, or all that match, for a range of dates; exit with 0 only if no task failed."""
    if args.local:
        args._executor = "LocalExecutor"  # noqa: SLF001 - as --executor does; see context
    dates = _dates(args)
    if args.ignore_dependencies and args.task_regex is None:
        raise UserError("--ignore-dependencies works only with --task-regex. Add -t REGEX.")
    is_regex = args.treat_dag_id_as_regex or args.treat_dag_as_regex
    specs = resolve.the_specs(args, is_regex=is_regex)
    if not specs:
        raise UserError(f"No DAG matches {args.dag_id!r}. See `airflow-lite dags list`.")
    for version_id, spec in sorted(specs, key=lambda item: item[1].dag_id):
        code = _one(args, version_id, spec, dates)
        if code:
            return code
    return 0


def _dates(args: context.Args) -> BackfillRange:
    from airflow_lite.scheduler.backfill import BackfillRange

    first_us, last_us = resolve.to_us(args, args.start_date), resolve.to_us(args, args.end_date)
    first_us = last_us if first_us is None else first_us
    last_us = first_us if last_us is None else last_us
    if first_us is None or last_us is None:
        raise UserError("There is no date. Give --start-date, --end-date or both.")
    if last_us < first_us:
        raise UserError("--end-date is before --start-date. Exchange them.")
    return BackfillRange(first_us, last_us, is_backwards=args.run_backwards)


def _one(args: context.Args, version_id: int, spec: DagSpec, dates: BackfillRange) -> int:
    """Run one DAG for the range; return the exit code."""
    from airflow_lite.scheduler.backfill import check_free, plan_backfill, preview

    store = context.store(args)
    if args.pool is not None:
        with store.read() as connection:
            pools.the_pool(connection, args.pool)
    plan = plan_backfill(
        spec, version_id, dates, _options(args, spec), task_ids=_tasks(args, spec), pool=args.pool
    )
    if not plan.total:
        print(
            f"DAG {spec.dag_id!r} has no run from {iso(dates.first_us)} to {iso(dates.last_us)}:"
            f" its schedule is {spec.schedule.summary}."
        )
        return 0
    if args.dry_run:
        print(f"Dry run of DAG {spec.dag_id}: nothing is run.")
        print_rows([_planned_row(run) for run in preview(store, plan)])
        return 0
    check_free(context.config(args), store, plan)
    if args.reset_dagruns and not _confirmed(args, plan):
        print("Cancelled, nothing was cleared.")
        return 1
    return _tell_end(args, plan, _run(args, plan))


def _options(args: context.Args, spec: DagSpec) -> BackfillOptions:
    from airflow_lite.scheduler.state.backfill import BackfillOptions

    conf = checked_conf(args.conf, spec)
    return BackfillOptions(
        conf=conf if args.conf else None,
        max_active_runs=args.max_active_runs,
        rerun_failed_tasks=args.rerun_failed_tasks,
        continue_on_failures=args.continue_on_failures,
        mark_success=args.mark_success,
        disable_retry=args.disable_retry,
    )


def _tasks(args: context.Args, spec: DagSpec) -> Collection[str] | None:
    """Return the ids of the tasks to run; None: all."""
    if args.task_regex is None:
        return None
    pattern = resolve.pattern(args.task_regex)
    matching = {name for name in spec.tasks if pattern.search(name)}
    if not matching:
        raise TaskNotFound(
            f"No task of DAG {spec.dag_id!r} matches {args.task_regex!r}."
            f" List the tasks with `airflow-lite tasks list {spec.dag_id}`."
        )
    upstream = not args.ignore_dependencies
    return with_relatives(spec.tasks, matching, upstream=upstream, downstream=False)


def _planned_row(run: PlannedRun) -> dict[str, Any]:
    if not run.known:
        becomes = f"is made, {run.left} tasks to run"
    else:
        becomes = f"is there, {run.left} tasks to run" if run.left else "is there, nothing to run"
    return {
        "run_id": run.run_id,
        "logical_date": iso(run.dates.logical_us),
        "data_interval_start": iso(run.dates.interval_start_us),
        "data_interval_end": iso(run.dates.interval_end_us),
        "what": becomes,
    }


def _confirmed(args: context.Args, plan: Backfill) -> bool:
    from airflow_lite.scheduler.backfill import reset

    cleared = reset(context.store(args), plan)
    names = [shown_name(run_id, row._mapping) for run_id, row in cleared]  # noqa: SLF001 - its API
    return not names or context.confirmed(args, clear_warning(names))


def _run(args: context.Args, plan: Backfill) -> BackfillEnd:
    from airflow_lite.cli.runs.progress import progress
    from airflow_lite.plugins.executors import load_executor
    from airflow_lite.scheduler.backfill import run_backfill

    config: Config = context.config(args)
    with progress(plan.total, live=not args.verbose, counts_runs=True) as show:
        return run_backfill(
            config,
            context.store(args),
            plan,
            executor=load_executor(config),
            on_event=_follower(plan, show, is_verbose=args.verbose),
        )


def _follower(
    plan: Backfill, show: Callable[[str], None], *, is_verbose: bool
) -> Callable[[str], None]:
    """Return what is told each line: it shows the ends of runs, counted, and tries that failed."""
    ended = 0

    def follow(line: str) -> None:
        nonlocal ended
        if line.startswith("run "):
            ended += 1
            # Those in which nothing was left to do end without a word.
            show(f"{line} ({ended + plan.untold} of {plan.total})")
        elif is_verbose or _is_told(line):
            show(line)

    return follow


def _is_told(line: str) -> bool:
    what, _, rest = line.partition(": ")
    return " try " not in what or rest.partition(" ")[0].rstrip(":") in _TOLD


def _tell_end(args: context.Args, plan: Backfill, end: BackfillEnd) -> int:
    """Print how a backfill ended; return the exit code."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(plan.ended.items()))
    left = plan.total - sum(plan.ended.values()) - len(plan.begun)
    parts = [counts, f"{len(plan.begun)} under way" if plan.begun else ""]
    parts.append(f"{left} not begun" if left else "")
    told = ", ".join(part for part in parts if part)
    print(f"Backfill of DAG {plan.dag_id}: {plan.total} runs: {told}")
    sys.stdout.flush()  # what follows is on stderr, and comes after it
    _tell_failed(plan)
    if end.signal is not None and not plan.is_over:
        context.notice(_stopped(args, plan))
        return 128 + end.signal
    if plan.refusal is not None:
        raise UserError(plan.refusal)
    if end.stuck:
        raise UserError(_stuck(plan, end.stuck))
    return 1 if plan.failed or plan.ended.keys() - {"success"} else 0


def _tell_failed(plan: Backfill) -> None:
    if not plan.failed:
        return
    context.notice(f"\n{len(plan.failed)} task(s) failed, or were not run because of that:")
    for task in plan.failed[:MOST_SHOWN]:
        index = f"[{task.map_index}]" if task.map_index >= 0 else ""
        context.notice(f"  {task.run_id} {task.task_id}{index}: {task.state}")
    if len(plan.failed) > MOST_SHOWN:
        context.notice(f"  … and {len(plan.failed) - MOST_SHOWN} more")
    context.notice(
        f"See why with `airflow-lite tasks logs {plan.dag_id} TASK RUN_ID`; start the command again"
        " with --rerun-failed-tasks to run them again."
    )


def _stopped(args: context.Args, plan: Backfill) -> str:
    again = "without --reset-dagruns" if args.reset_dagruns else "as it was"
    return (
        f"Stopped. What of its {len(plan.begun)} runs that are under way still runs ends by itself,"
        " and nothing more begins."
        f"\nStart the command again, {again}: it goes on from here, and runs nothing twice."
    )


def _stuck(plan: Backfill, stuck: list[StuckRun]) -> str:
    first = stuck[0]
    more = f" (and those of {len(stuck) - 1} further runs)" if len(stuck) > 1 else ""
    return (
        f"The backfill cannot go on: {', '.join(first.task_ids[:MOST_SHOWN])} of"
        f" {first.run_id}{more} waits for the run before (depends_on_past), which did not succeed."
        " Start the command again when that is mended, or with --rerun-failed-tasks."
    )

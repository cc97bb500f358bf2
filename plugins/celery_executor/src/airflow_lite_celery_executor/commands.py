"""The functions behind the commands of `airflow-lite celery`."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from airflow_lite.cli import UserError, config, print_rows, serve_logs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_lite_celery_executor.looking import View
    from airflow_lite_celery_executor.worker.serving import WorkerOptions

#: Seconds that one worker has to answer.
_ONE_ANSWER_S = 5.0


def worker(args: argparse.Namespace) -> int:
    """Run a worker until SIGTERM, SIGINT or SIGQUIT."""
    from airflow_lite_celery_executor.worker.background import pid_file, start_in_background
    from airflow_lite_celery_executor.worker.serving import run_worker

    options = _worker_options(args)
    if args.daemon:
        options = options._replace(pid_file=pid_file(config(args), args.pid))
        start_in_background(
            config(args), options, args.log_file, serves_logs=not args.skip_serve_logs
        )
        return 0
    with nullcontext() if args.skip_serve_logs else serve_logs(config(args)):
        return run_worker(config(args), options)


def _worker_options(args: argparse.Namespace) -> WorkerOptions:
    from airflow_lite_celery_executor.settings import read_autoscale
    from airflow_lite_celery_executor.worker.serving import WorkerOptions

    if args.concurrency is not None and args.concurrency < 1:
        raise UserError(f"--concurrency is {args.concurrency}. Make it 1 or more.")
    return WorkerOptions(
        queues=_queues(args),
        concurrency=args.concurrency,
        autoscale=read_autoscale(args.autoscale or "", "--autoscale"),
        hostname=args.celery_hostname,
        pid_file=args.pid,
        without_mingle=args.without_mingle,
        without_gossip=args.without_gossip,
    )


def stop(args: argparse.Namespace) -> int:
    """Send SIGTERM to the worker whose process id is in the file."""
    from airflow_lite_celery_executor.worker.background import pid_file, stop_worker

    pid = stop_worker(pid_file(config(args), args.pid))
    sys.stdout.write(f"Process {pid} was told to stop; what runs there may end.\n")
    return 0


def status(args: argparse.Namespace) -> int:
    """List the queues."""
    from airflow_lite_celery_executor.tables import queue_rows

    with _looking(args) as view:
        rows = queue_rows(view, config(args))
    print_rows(
        rows,
        args.output,
        columns=args.columns,
        shown=("queue", "state", "waiting", "slots", "running", "faults"),
        wide=(
            *("workers", "versions", "clock_skew_s"),
            *("unacknowledged", "oldest_unacknowledged_s", "attempts"),
        ),
    )
    return 0


def list_workers(args: argparse.Namespace) -> int:
    """List the workers that answer."""
    from airflow_lite_celery_executor.tables import worker_rows

    with _looking(args) as view:
        rows = worker_rows(view, config(args))
    print_rows(
        rows,
        args.output,
        columns=args.columns,
        shown=("worker_name", "queues", "slots", "running"),
        wide=("version", "clock_skew_s", "refused", "faults"),
    )
    return 0


def shutdown_worker(args: argparse.Namespace) -> int:
    """Have one worker end."""
    with _looking(args) as view:
        _require_answer(view.ask("ping", [args.celery_hostname], _ONE_ANSWER_S), args)
        view.tell("shutdown", [args.celery_hostname])
    return 0


def shutdown_all_workers(args: argparse.Namespace) -> int:
    """Have all workers end."""
    with _looking(args) as view:
        names = [each.name for each in view.workers()]
        if not args.yes and not _confirms(names):
            raise UserError("Nothing was done.")
        view.tell("shutdown")
    sys.stdout.write(f"{len(names)} workers were told to end.\n")
    return 0


def add_queue(args: argparse.Namespace) -> int:
    """Have a worker take tasks from further queues."""
    with _looking(args) as view:
        for queue in _required_queues(args):
            _require_answer(
                view.ask("add_consumer", [args.celery_hostname], _ONE_ANSWER_S, queue=queue), args
            )
    return 0


def remove_queue(args: argparse.Namespace) -> int:
    """Have a worker take no more tasks from queues."""
    with _looking(args) as view:
        for queue in _required_queues(args):
            _require_answer(
                view.ask("cancel_consumer", [args.celery_hostname], _ONE_ANSWER_S, queue=queue),
                args,
            )
    return 0


def flower(args: argparse.Namespace) -> int:
    """Run Flower until SIGTERM or SIGINT."""
    from airflow_lite_celery_executor.flower import run_flower

    return run_flower(config(args), args)


@contextmanager
def _looking(args: argparse.Namespace) -> Iterator[View]:
    from airflow_lite_celery_executor.looking import BrokerUnreachable, looking

    try:
        with looking(config(args)) as view:
            yield view
    except BrokerUnreachable as error:
        raise UserError(str(error)) from error


def _require_answer(answers: dict[str, Any], args: argparse.Namespace) -> None:
    if args.celery_hostname not in answers:
        raise UserError(
            f"No worker {args.celery_hostname!r} answers. List them with"
            " `airflow-lite celery list-workers`."
        )
    answer = answers[args.celery_hostname]
    if isinstance(answer, dict) and "error" in answer:
        raise UserError(f"Worker {args.celery_hostname} refused: {answer['error']}")


def _confirms(names: list[str]) -> bool:
    sys.stdout.write("\n".join([*names, f"Have these {len(names)} workers end? (yes/no) "]))
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _required_queues(args: argparse.Namespace) -> tuple[str, ...]:
    queues = _queues(args)
    if not queues:
        raise UserError("--queues names no queue.")
    return queues


def _queues(args: argparse.Namespace) -> tuple[str, ...]:
    from airflow_lite_celery_executor.app import why_no_queue

    words = (word.strip() for word in args.queues.split(","))
    queues = tuple(dict.fromkeys(word for word in words if word))
    for queue in queues:
        if (why := why_no_queue(queue)) is not None:
            raise UserError(f"--queues names {queue!r:.100}: {why}.")
    return queues

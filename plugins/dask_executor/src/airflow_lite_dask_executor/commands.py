"""The functions behind the commands of `airflow-lite dask`."""

from __future__ import annotations

import asyncio
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

from airflow_lite.cli import UserError, config, print_rows, serve_logs
from airflow_lite_dask_executor import serving
from airflow_lite_dask_executor.settings import DaskSettings, Tls, with_scheme

if TYPE_CHECKING:
    import argparse


def scheduler(args: argparse.Namespace) -> int:
    """Run a Dask scheduler until SIGTERM or SIGINT."""
    tls = Tls.read(config(args))
    asyncio.run(serving.serve_scheduler(args.host, args.port, tls, with_dashboard=args.dashboard))
    return 0


def worker(args: argparse.Namespace) -> int:
    """Run Dask workers until SIGTERM or SIGINT."""
    settings = DaskSettings.read(config(args))
    address = settings.address
    if args.address:
        address = with_scheme(args.address, is_secure=settings.tls is not None)
    if not address:
        raise UserError(
            "There is no Dask scheduler to work for. Give its ADDRESS, or set [dask] "
            "cluster_address."
        )
    count = _positive(args.nworkers, "--nworkers")
    crew = serving.Crew(
        address=address,
        workers=count,
        threads=_threads(args.nthreads, count),
        queues=_queues(args.queues),
        host=args.host,
        tls=settings.tls,
    )
    with nullcontext() if args.skip_serve_logs else serve_logs(config(args)):
        asyncio.run(serving.serve_workers(crew))
    return 0


def cluster(args: argparse.Namespace) -> int:
    """Run a scheduler and workers on this machine until SIGTERM or SIGINT."""
    tls = Tls.read(config(args))
    count = _positive(args.workers, "--workers")
    threads = _threads(args.nthreads, count)
    serving.serve_cluster(count, threads, tls, port=args.port, queues=_queues(args.queues))
    return 0


def status(args: argparse.Namespace) -> int:
    """List the workers."""
    from airflow_lite_dask_executor.looking import worker_rows

    print_rows(
        worker_rows(config(args)),
        args.output,
        columns=args.columns,
        shown=("worker", "state", "running"),
        wide=("threads", "queues", "memory_mb", "name", "attempts"),
    )
    return 0


def _threads(threads: int, workers: int) -> int:
    if threads < 0:
        raise UserError(f"--nthreads is {threads}. Make it 1 or more, or leave it out.")
    return threads or max(1, len(os.sched_getaffinity(0)) // workers)


def _positive(number: int, flag: str) -> int:
    if number < 1:
        raise UserError(f"{flag} is {number}. Make it 1 or more.")
    return number


def _queues(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))

"""Dask schedulers and workers in the foreground, with our defaults, until a signal ends them."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.executors import first_line
from airflow_lite_dask_executor.local_cluster import (
    LOOPBACK,
    PRELOAD,
    QUIET,
    be_quiet,
    local_cluster,
)
from airflow_lite_dask_executor.settings import security

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from airflow_lite_dask_executor.settings import Tls

#: Seconds until a scheduler that went away is looked for again; doubled up to the longest.
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.5, 5.0
#: A worker that takes longer to start talks to no scheduler, perhaps to itself: while the
#: scheduler's port is free, the kernel may give that port to a worker.
_START_S = 60.0
#: Seconds that a worker has to end. It has nothing to save: tasks run beside it.
_CLOSE_S = 3.0
#: A worker's machine that falls silent is given up after so long.
_WORKER_TTL = "25s"
_DASHBOARD_PORT = 8787

logger = logging.getLogger(__name__)


class Crew(NamedTuple):
    """The workers of one command: how many, with how many threads, for which scheduler."""

    address: str
    workers: int
    threads: int
    queues: tuple[str, ...] = ()
    host: str | None = None
    tls: Tls | None = None


async def serve_scheduler(host: str, port: int, tls: Tls | None, *, with_dashboard: bool) -> None:
    """Run a Dask scheduler; raise `UserError` where it cannot listen."""
    be_quiet()
    import dask
    from distributed import Scheduler

    stop = _stop_on_signals()
    dask.config.set(QUIET | {"distributed.scheduler.worker-ttl": _WORKER_TTL})
    dashboard = f"{host}:{_DASHBOARD_PORT}" if with_dashboard else f"{LOOPBACK}:0"
    try:
        scheduler = await Scheduler(
            host=host,
            port=port,
            protocol="tls" if tls else "tcp",
            security=security(tls),
            dashboard=with_dashboard,
            dashboard_address=dashboard,
        )
    except (OSError, RuntimeError) as error:
        raise _cannot_listen(f"{host}:{port}", error) from error
    try:
        _say(f"Dask scheduler at {scheduler.address}")
        await stop.wait()
    finally:
        await scheduler.close()


async def serve_workers(crew: Crew) -> None:
    """Run workers; whenever the scheduler goes away, wait for it to come back."""
    be_quiet()
    import dask
    import distributed  # noqa: F401 - its defaults would come over what is set before it

    stop = _stop_on_signals()
    dask.config.set(QUIET)
    delay_s = _FIRST_RETRY_S
    while not stop.is_set():
        _say(f"Looking for the Dask scheduler at {crew.address}")
        try:
            await _work(crew, stop)
            delay_s = _FIRST_RETRY_S
        except (OSError, RuntimeError) as error:  # Dask wraps some of what keeps it from starting
            _say(f"It does not answer: {first_line(_root(error))}")
        await _wait(stop, delay_s)
        delay_s = min(delay_s * 2, _LONGEST_RETRY_S)


async def _work(crew: Crew, stop: asyncio.Event) -> None:
    """Run workers until the scheduler is gone or `stop` is set; raise OSError without one."""
    nannies = [_nanny(crew) for _ in range(crew.workers)]
    try:
        if not await _until(_all_started(nannies), stop):
            return
        _say(f"{counted(crew.workers, crew.threads)} at {crew.address}")
        await _until(_all_finished(nannies), stop)
    finally:
        await asyncio.gather(*map(_close, nannies))


def _nanny(crew: Crew) -> Any:
    from distributed import Nanny

    host = crew.host or (LOOPBACK if _is_here(crew.address) else None)
    return Nanny(
        crew.address,
        nthreads=crew.threads,
        host=host,
        resources=dict.fromkeys(crew.queues, crew.threads),
        security=security(crew.tls),
        memory_limit=0,
        death_timeout=_START_S,
        preload=[PRELOAD],
        dashboard=False,
        dashboard_address=f"{LOOPBACK}:0",
    )


async def _all_started(nannies: list[Any]) -> None:
    await asyncio.gather(*(nanny.start() for nanny in nannies))


async def _all_finished(nannies: list[Any]) -> None:
    await asyncio.gather(*(nanny.finished() for nanny in nannies))


async def _close(nanny: Any) -> None:
    try:
        await asyncio.wait_for(nanny.close(timeout=_CLOSE_S), _CLOSE_S + 1)
    except (OSError, TimeoutError) as error:
        logger.warning("a Dask worker could not be stopped cleanly: %s", error)


async def _until(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Await `work`, but no longer than until `stop`; return whether it came to its end."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    working.result()
    return True


async def _wait(stop: asyncio.Event, delay_s: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), delay_s)
    except TimeoutError:
        return


def serve_cluster(
    workers: int, threads: int, tls: Tls | None, *, port: int, queues: tuple[str, ...]
) -> None:
    """Run a cluster on this machine; raise `UserError` where it cannot listen."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        cluster = local_cluster(workers, threads, tls, {}, port=port, queues=queues)
    except (OSError, RuntimeError) as error:
        raise _cannot_listen(f"{LOOPBACK}:{port}", error) from error
    with cluster:
        _say(f"Dask cluster at {cluster.scheduler_address}: {counted(workers, threads)}")
        stop.wait()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _is_here(address: str) -> bool:
    from urllib.parse import urlsplit

    return urlsplit(address).hostname in {"localhost", LOOPBACK, "::1"}


def _cannot_listen(address: str, error: Exception) -> Exception:
    from airflow_lite.cli import UserError

    cause = first_line(_root(error))
    return UserError(f"A Dask scheduler cannot listen on {address}: {cause}. Use another --port.")


def _root(error: BaseException) -> BaseException:
    """Return the first cause that has a message, which a timeout has not."""
    root, cause = error, error.__cause__
    while cause is not None:
        root, cause = (cause if str(cause) else root), cause.__cause__
    return root


def counted(workers: int, threads: int) -> str:
    """Return how many workers with how many threads, in words."""
    return (
        f"{workers} Dask worker{'s' if workers > 1 else ''} with {threads} "
        f"thread{'s' if threads > 1 else ''}{' each' if workers > 1 else ''}"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

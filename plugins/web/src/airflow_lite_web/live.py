"""Live pages: one stream of server-sent events says that something changed; the page asks anew.

One watch serves all streams, and ends with the last of them. On SQLite it looks at the size and
time of the database's own files; on PostgreSQL the doorbell wakes it, and a timer, since a
scheduler rings for nothing that it does itself. Only then are rows read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.store import doorbell
from airflow_lite.store.pages import changes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from starlette.requests import Request

    from airflow_lite.store.pages.changes import Look
    from airflow_lite_web.site import Site

logger = logging.getLogger(__name__)

#: Seconds between two glances at the files of SQLite, and two looks without a ring on PostgreSQL.
_GLANCE_S, _TIMER_S = 0.5, 2.0
#: Seconds between two messages to one page at the least, and as many for each page that is open:
#: so asking anew takes about a twentieth of a core, however many there are.
_LEAST_S, _EACH_S = 1.0, 0.2
#: Seconds without a message after which a comment keeps the connection, and after which a stream
#: ends: the browser comes back, and is let in again or not.
_COMMENT_S, _STREAM_S = 15.0, 600.0
_MOST_STREAMS = 400
_CHANGE = b"event: change\ndata: 1\n\n"
#: Seconds between two looks at a log that grows.
_LOG_S = 1.0


class Watch:
    """Knows what changed, and wakes the streams; lives on the server's event loop."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._streams: dict[asyncio.Event, str] = {}
        self._task: asyncio.Task[None] | None = None
        self.has_looked = asyncio.Event()  # what changes from then on is told

    @property
    def is_full(self) -> bool:
        """Whether there are as many streams as one server bears."""
        return len(self._streams) >= _MOST_STREAMS

    @property
    def pause_s(self) -> float:
        """Seconds between two messages of one stream."""
        return max(_LEAST_S, _EACH_S * len(self._streams))

    async def stream(self, dag_id: str, log: Path | None) -> AsyncIterator[bytes]:
        """Yield a message whenever something changed in a DAG ("": in any), or a log grew."""
        bell = asyncio.Event()
        self._streams[bell] = dag_id
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        end = time.monotonic() + _STREAM_S
        try:
            yield b"retry: 3000\n\n"
            await self.has_looked.wait()
            size = _size(log)
            yield _CHANGE  # what changed since the page was made
            while (left_s := end - time.monotonic()) > 0:
                is_change = await _has_news(bell, log, size, min(_COMMENT_S, left_s))
                size = _size(log)
                yield _CHANGE if is_change else b": \n\n"
                if is_change:
                    await asyncio.sleep(self.pause_s)
        finally:
            del self._streams[bell]
            if not self._streams and self._task is not None:
                self._task.cancel()
                self._task = None
                self.has_looked.clear()

    async def _watch(self) -> None:
        wait = _glances(self._site) if self._site.store.is_sqlite else _rings(self._site)
        before: Look | None = await run_in_threadpool(self._look)
        self.has_looked.set()
        async for _ in wait:
            try:
                before = await self._tell(before)
            except Exception:  # an outage of the database: what is missed is seen after it
                logger.warning("open pages are not told of changes now", exc_info=True)
                await asyncio.sleep(_TIMER_S)

    async def _tell(self, before: Look | None) -> Look:
        now = await run_in_threadpool(self._look)
        if before == now:
            return now
        changed = None if before is None else await run_in_threadpool(self._changed, before, now)
        for bell, dag_id in self._streams.items():
            if changed is None or not dag_id or dag_id in changed:
                bell.set()
        return now

    def _look(self) -> Look:
        with self._site.store.read() as connection:
            return changes.look(connection)

    def _changed(self, before: Look, now: Look) -> AbstractSet[str] | None:
        with self._site.store.read() as connection:
            return changes.changed_dags(connection, before, now)


async def _has_news(bell: asyncio.Event, log: Path | None, size: int, wait_s: float) -> bool:
    """Wait until the bell rings or a log is not of this size; False after `wait_s` seconds."""
    end = time.monotonic() + wait_s
    while (left_s := end - time.monotonic()) > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(bell.wait(), left_s if log is None else min(_LOG_S, left_s))
            bell.clear()
            return True
        if _size(log) != size:
            return True
    return False


def _size(path: Path | None) -> int:
    if path is None:
        return 0
    with suppress(OSError):
        return path.stat().st_size
    return 0


async def _glances(site: Site) -> AsyncIterator[None]:
    """Yield whenever the files of SQLite have changed."""
    path = site.store.engine.url.database or ""
    before: object = None
    while True:
        now = [_stamp(path), _stamp(f"{path}-wal")]
        if now != before:
            before = now
            yield
        await asyncio.sleep(_GLANCE_S)


def _stamp(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_mtime_ns, status.st_size
    return None


async def _rings(site: Site) -> AsyncIterator[None]:
    """Yield when the doorbell of PostgreSQL rang, and now and then."""
    bell = doorbell.hang(site.config, site.store)
    rung, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(bell.fileno(), _take(bell.messages, rung))
    try:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), _TIMER_S)
            rung.clear()
            yield
            await asyncio.sleep(_GLANCE_S)
    finally:
        loop.remove_reader(bell.fileno())
        await run_in_threadpool(bell.close)


def _take(messages: Callable[[], object], rung: asyncio.Event) -> Callable[[], None]:
    def take() -> None:
        messages()
        rung.set()

    return take


async def events(request: Request) -> Response:
    """Answer with the stream of a page: `dag` is whose changes are told, `task` whose log."""
    watch: Watch = request.app.state.watch
    if watch.is_full:
        return PlainTextResponse("Too many pages are open.\n", 503, {"retry-after": "60"})
    stream = watch.stream(request.query_params.get("dag", ""), _log(request))
    return StreamingResponse(stream, media_type="text/event-stream")


def _log(request: Request) -> Path | None:
    from airflow_lite.worker.task_log.paths import log_path

    words = request.query_params
    if "task" not in words:
        return None
    numbers = [words.get(name, "") for name in ("try", "map_index")]
    if not all(number.removeprefix("-").isdecimal() for number in numbers):
        return None
    site: Site = request.app.state.site
    key = TaskInstanceKey(
        words.get("dag", ""), words["task"], words.get("run", ""), int(numbers[0]), int(numbers[1])
    )
    return log_path(site.config.getpath("logging", "base_log_folder"), key)


ROUTES = [Route("/events", events, methods=["GET"])]

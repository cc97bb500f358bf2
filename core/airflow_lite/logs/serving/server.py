"""The log server: serves the log files of this machine over HTTP.

Run as `python -m airflow_lite.logs.serving.server FD IDLE_S`.

`GET /log/PATH` with `Authorization: Bearer TOKEN` gives one file below the log folder, from
`Range: bytes=N-` on if the request has that. Started by `LogService` for the first connection;
it ends after IDLE_S seconds without a request, and with the process that started it.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
import sys
import time
from typing import TYPE_CHECKING, Any

from airflow_lite.logs.serving.token import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_lite.logs.serving.slow_clients import Crowd

_CHUNK = 1 << 18
#: Answers at once; more are refused, so that no crowd takes this machine's memory.
_MOST_ANSWERS = 64
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")
#: The descriptor that reaches its end when the process that started this one is gone.
_LIFELINE = 0


def make_app(folder: Path, key: bytes) -> Starlette:
    """Return the application: one route, for the logs below `folder`."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    tokens = Tokens(key)

    def log(request: Request) -> Response | Closing:
        path = request.path_params["path"]
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not tokens.admits(token.strip(), path):
            return Response(status_code=403)
        file = _opened(folder, path)
        return Response(status_code=404) if file is None else Closing(_answer(request, file), file)

    return Starlette(routes=[Route("/log/{path:path}", log, methods=["GET"])])


def _opened(folder: Path, path: str) -> BinaryIO | None:
    """Open a log; None if there is none, or it is not a log file."""
    from airflow_lite.errors import InvalidIdError
    from airflow_lite.worker.task_log.paths import open_named

    try:
        file = open(open_named(folder, path), "rb")  # noqa: SIM115 - closed once it is sent
    except (InvalidIdError, OSError):
        return None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    return None


def _answer(request: Request, file: BinaryIO) -> Response:
    from starlette.responses import Response, StreamingResponse

    size = os.fstat(file.fileno()).st_size
    range_match = _RANGE.fullmatch(request.headers.get("range", ""))
    first = int(range_match[1]) if range_match else 0
    end = min(int(range_match[2]) + 1, size) if range_match and range_match[2] else size
    if range_match and first >= end:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    headers = {"content-length": str(end - first), "accept-ranges": "bytes"}
    if range_match:
        headers["content-range"] = f"bytes {first}-{end - 1}/{size}"
    return StreamingResponse(
        _chunks(file, first, end - first),
        status_code=206 if range_match else 200,
        headers=headers,
        media_type="application/octet-stream",  # a task may write any bytes
    )


def _chunks(file: BinaryIO, first: int, count: int) -> Iterator[bytes]:
    """Yield `count` bytes; what the log grows by meanwhile is for the next request."""
    file.seek(first)
    while count > 0 and (data := file.read(min(_CHUNK, count))):
        count -= len(data)
        yield data


class Closing:
    """An answer that closes its file, even if the client is gone before its end."""

    def __init__(self, answer: Response, file: BinaryIO) -> None:
        self._answer = answer
        self._file = file

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        with self._file:
            await self._answer(scope, receive, send)


class Activity:
    """An ASGI application around another, which measures how long it has been idle."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._open = 0
        self._latest = time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Have the application answer, and note when it has."""
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            self._latest = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last answer was complete; 0 while one is being given."""
        return 0.0 if self._open else time.monotonic() - self._latest


async def serve(app: Any, listener: socket.socket, idle_s: float) -> None:
    """Answer the requests on `listener`, until there was none for `idle_s` seconds."""
    from airflow_lite.logs.serving.slow_clients import Crowd

    activity, crowd = Activity(app), Crowd()
    server = _server(activity, crowd)
    asyncio.get_running_loop().add_reader(_LIFELINE, _end_now, server)
    _end_when_idle(server, activity, idle_s)
    await server.serve(sockets=[listener])
    crowd.tell()


def _server(app: Any, crowd: Crowd) -> uvicorn.Server:
    from functools import partial

    import uvicorn

    from airflow_lite.logs.serving.slow_clients import MOST_WAITING, PatientProtocol

    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=partial(PatientProtocol, crowd=crowd),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # else a line for each request that makes no sense
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_WAITING + _MOST_ANSWERS,
        )
    )


def _end_when_idle(server: uvicorn.Server, activity: Activity, idle_s: float) -> None:
    """End if it has been idle for so long, else look again when it may have been."""
    left_s = idle_s - activity.idle_s
    if left_s <= 0:
        server.should_exit = True
    else:
        asyncio.get_running_loop().call_later(left_s, _end_when_idle, server, activity, idle_s)


def _end_now(server: uvicorn.Server) -> None:
    """End without finishing answers: the process that started this one is gone."""
    asyncio.get_running_loop().remove_reader(_LIFELINE)
    server.should_exit = server.force_exit = True


def main(arguments: list[str]) -> int:
    """Serve on the listening socket of this descriptor."""
    from airflow_lite.config import Config
    from airflow_lite.errors import UserError
    from airflow_lite.logs.serving.token import signing_key

    fd, idle_s = arguments
    listener = socket.socket(fileno=int(fd))
    try:
        config = Config.load()
        folder = config.getpath("logging", "base_log_folder")
        app = make_app(folder, signing_key(config))
    except UserError as error:
        print(f"airflow-lite: logs are not served: {error}", file=sys.stderr)  # noqa: T201
        return 1
    asyncio.run(serve(app, listener, float(idle_s)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

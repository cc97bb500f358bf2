"""`/metrics`: what a scheduler on this machine shows to Prometheus, for whoever has a token."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_lite.config import Config

_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Seconds that the scheduler may take: it answers from its memory.
_WAIT_S = 5.0


async def metrics(request: Request) -> Response:
    """Answer with the figures of the scheduler; 404 where nobody asked for them."""
    return await run_in_threadpool(_answer, request.app.state.site.config)


def _answer(config: Config) -> Response:
    port = config.getint("metrics", "prometheus_port")
    if not port and not config.get("metrics", "prometheus_file"):
        text = "No metrics are kept. Set [metrics] prometheus_port or prometheus_file.\n"
        return PlainTextResponse(text, 404)
    file = config.getpath("metrics", "prometheus_file")
    try:
        figures = _fetched(port) if port else file.read_bytes()
    except (OSError, HTTPException) as error:
        where = f"port {port} of this machine" if port else str(file)
        text = f"There are no metrics now: no scheduler shows any at {where} ({error}).\n"
        return PlainTextResponse(text, 503)
    return Response(figures, media_type=_MEDIA_TYPE)


def _fetched(port: int) -> bytes:
    # Not by urllib: it asks proxies, and takes a third of a megabyte in a server at rest.
    with closing(HTTPConnection("127.0.0.1", port, timeout=_WAIT_S)) as connection:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        if answer.status != 200:
            raise HTTPException(f"the answer is {answer.status}")
        return answer.read()


ROUTES = [Route("/metrics", metrics, methods=["GET"])]

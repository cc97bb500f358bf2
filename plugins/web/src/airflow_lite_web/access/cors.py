"""Pages of other sites that may ask the REST API, by Airflow's three settings in [api].

A browser asks for leave before such a request, and keeps its answer from the page without the
headers. It is never told that it may send our cookie or what a proxy knows: such a page shows a
token, as every program does.

Starlette's own middleware answers otherwise: where no methods are set it refuses them all, while
Airflow leaves it to the browser; for headers `*` it allows a token, which a browser's `*` does not;
and it tells methods and headers to those whom it refuses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_lite.config import Config

_API, _ANY = "/api/", "*"
_ORIGIN = re.compile(r"https?://[^/\s?#@]+")


class Allowed(NamedTuple):
    """Which origins may ask, with which headers and methods; the last two as they are sent."""

    origins: frozenset[str]
    headers: str
    methods: str

    def named(self, origin: str | None) -> str | None:
        """Return how an answer names the origin of a request; None: it may not ask."""
        if _ANY in self.origins:
            return _ANY
        return origin if origin in self.origins else None


def read_allowed(config: Config) -> Allowed:
    """Read the settings; raise `ConfigError`."""
    origins = config.get("api", "access_control_allow_origins").split()
    for origin in origins:
        if origin != _ANY and not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"[api] access_control_allow_origins has {origin[:60]!r}. Write origins such as"
                " https://example.org, without a path, with spaces between them, or *."
            )
    headers, methods = (
        _line(config, f"access_control_allow_{name}") for name in ("headers", "methods")
    )
    return Allowed(frozenset(origins), headers, methods)


def _line(config: Config, name: str) -> str:
    value = config.get("api", name).strip()
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(f"[api] {name} is no line of a header. Write names, with commas.")
    return value


class Cors:
    """An ASGI application around another: it answers for leave, and adds the headers."""

    def __init__(self, app: ASGIApp, allowed: Allowed) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer, unless a browser asks for leave."""
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        request = Headers(scope=scope)
        origin = self._allowed.named(request.get("origin"))
        added = self._headers(origin)
        asks_for_leave = "access-control-request-method" in request
        if origin is not None and scope["method"] == "OPTIONS" and asks_for_leave:
            await Response(status_code=204, headers=added)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in added.items()]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers(self, origin: str | None) -> dict[str, str]:
        found = {} if origin == _ANY else {"vary": "Origin"}
        if origin is not None:
            found["access-control-allow-origin"] = origin
            if self._allowed.headers:
                found["access-control-allow-headers"] = self._allowed.headers
            if self._allowed.methods:
                found["access-control-allow-methods"] = self._allowed.methods
        return found

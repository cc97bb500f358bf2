"""The guard in front of every page and of the REST API: who asks, and is it meant.

A browser is known by its cookie or by its proxy, and what it sends to change something must come
from a page of ours: the origin is looked at, and the form's token. A program shows a token with
each request, `Authorization: Bearer TOKEN` or Basic with name and token, and needs neither.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse

from airflow_lite.errors import ConfigError
from airflow_lite_web.access.sessions import COOKIE
from airflow_lite_web.access.users import Role, User
from airflow_lite_web.api import problems

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_lite_web.access.limiter import Limiter
    from airflow_lite_web.access.sessions import Sessions
    from airflow_lite_web.access.users import Users
    from airflow_lite_web.settings import Settings

logger = logging.getLogger(__name__)

#: Answered without a user, with all that begins with the last.
_OPEN_PATHS, _OPEN_FOLDER = {"/health", "/login", "/favicon.ico"}, "/static/"
_OPEN_CALLS = {"/api/v1/health", "/api/v1/version"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_API = "/api/"
#: The field of a form, and the header of a request by a script, with the session's token.
FORM_FIELD, FORM_HEADER = "form_token", "x-form-token"
#: Longest body of a request, in bytes.
MOST_BODY = 1 << 20
#: Seconds in which it must have come.
_BODY_S = 30.0
_MOST_FIELDS = 10_000
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    b" connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"content-security-policy",
        _POLICY,
    ),
)


class Caller(NamedTuple):
    """Who asks; `form_token` is None for a program, which needs none."""

    user: User
    form_token: str | None


class Guard:
    """An ASGI application around another.

    That one finds a `Caller` as `scope["caller"]`, and the fields of a form as `scope["form"]`.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, users: Users, sessions: Sessions, limiter: Limiter
    ) -> None:
        self._app = app
        self._settings = settings
        self._users = users
        self._sessions = sessions
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                more = [pair for pair in _HEADERS if pair[0] not in present]
                if b"cache-control" not in present:
                    more.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers)
        except ConfigError as error:  # of the users file: nobody is let in by what is half read
            logger.error("nobody is let in: %s", error)
            text = "The file of the users cannot be used. The server's log says why."
            await refusal(scope["path"], 503, text)(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        path = str(scope["path"])
        answer: Any = self._app
        is_open = path in _OPEN_PATHS | _OPEN_CALLS or path.startswith(_OPEN_FOLDER)
        caller = None if is_open else self._caller(request)
        if isinstance(caller, float):  # before the body, for which a stranger is not waited
            await _ask_to_sign_in(request, caller)(scope, receive, send)
            return
        if scope["method"] not in _SAFE_METHODS:
            body = await _body_of(receive)
            if body is None:
                await refusal(path, 413, "The request is too large, or too slow.")(
                    scope, receive, send
                )
                return
            receive = _replaying(body, receive)
            scope["form"] = _form(request, body)
        if caller is not None:
            scope["caller"] = caller
            if (flaw := self._forgery(request, caller)) is not None:
                answer = refusal(path, 403, flaw)
        elif scope["method"] not in _SAFE_METHODS and _is_from_elsewhere(request):
            answer = refusal(path, 403, "This request came from a page of another site.")
        await answer(scope, receive, send)

    def _caller(self, request: HTTPConnection) -> Caller | float:
        """Return who asks; else the seconds for which a caller who failed too often must wait."""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() in {"bearer", "basic"}:
            return self._program(address_of(request), kind.lower(), value.strip())
        session = self._sessions.find(request.cookies.get(COOKIE, ""))
        if session is not None:
            return Caller(session.user, session.form_token)
        user = self._named_by_proxy(request)
        if user is not None:
            return Caller(user, self._sessions.form_token(f"proxy {user.name}"))
        return 0.0

    def _program(self, address: str, kind: str, value: str) -> Caller | float:
        wait_s = self._limiter.wait_s(address)
        if wait_s:
            return wait_s
        name, token = (None, value) if kind == "bearer" else _basic(value)
        user = self._users.by_token(token, name) if token else None
        if user is None:
            self._limiter.fail(address)
            return 0.0
        return Caller(user, None)

    def _named_by_proxy(self, request: HTTPConnection) -> User | None:
        settings = self._settings
        header = settings.proxy_user_header
        if not header or address_of(request) not in settings.trusted_proxies:
            return None
        names = request.headers.getlist(header)
        if len(names) != 1 or not names[0].strip():
            return None
        name = names[0].strip()[:100]
        user = self._users.by_name(name)
        if user is None and settings.proxy_role is not None:
            user = User(name, settings.proxy_role)
        return user

    def _forgery(self, request: HTTPConnection, caller: Caller) -> str | None:
        """Return why a request that may change something is not believed; None where it is."""
        if request.scope["method"] in _SAFE_METHODS or caller.form_token is None:
            return None
        if _is_from_elsewhere(request):
            return "This request came from a page of another site."
        shown = request.headers.get(FORM_HEADER) or request.scope["form"].get(FORM_FIELD, [""])[0]
        if not secrets.compare_digest(shown.encode(), caller.form_token.encode()):
            return "The form is too old. Go back, load the page again, and try again."
        return None


def allow(scope: Scope, role: Role) -> User | None:
    """Return the user who asks if they have this role; None if they may not do this."""
    user: User = scope["caller"].user
    return user if user.role >= role else None


def address_of(request: HTTPConnection) -> str:
    """Return the address at the other end of the connection."""
    return request.client.host if request.client else ""


def refusal(path: str, status: int, detail: str, headers: dict[str, str] | None = None) -> Any:
    """Return an answer that says no: a problem below /api/, else a line of text."""
    if path.startswith(_API):
        answer = problems.answer(status, detail)
        answer.headers.update(headers or {})
        return answer
    return PlainTextResponse(f"{detail}\n", status, headers)


def _ask_to_sign_in(request: HTTPConnection, wait_s: float) -> Any:
    path = request.scope["path"]
    if wait_s:
        retry = {"retry-after": str(int(wait_s) + 1)}
        return refusal(path, 429, "Too many wrong tokens. Try again in a minute.", retry)
    wants_page = request.scope["method"] == "GET" and "text/html" in request.headers.get(
        "accept", ""
    )
    if wants_page and not path.startswith(_API):
        back = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(back, safe='')}", 303)
    header = {"www-authenticate": 'Bearer realm="airflow-lite"'}
    if path.startswith(_API):
        header = {"www-authenticate": 'Basic realm="airflow-lite"'}
    return refusal(path, 401, "Sign in, or show a token.", header)


def _basic(value: str) -> tuple[str | None, str]:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None, ""
    name, _, token = text.partition(":")
    return name, token


def _is_from_elsewhere(request: HTTPConnection) -> bool:
    """Whether the browser says that another site's page sent this; a program says nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _form(request: HTTPConnection, body: bytes) -> dict[str, list[str]]:
    """Return the fields of a form, empty ones too; none where the body is something else."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    try:
        text = body.decode("utf-8", "replace")
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}


async def _body_of(receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is too long, or does not come."""
    body, is_whole = bytearray(), False
    try:
        async with asyncio.timeout(_BODY_S):
            while not is_whole and len(body) <= MOST_BODY:
                message = await receive()
                body += message.get("body", b"")
                is_whole = not message.get("more_body", False)
    except TimeoutError:
        return None
    return bytes(body) if len(body) <= MOST_BODY else None


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body which was read already, then what comes."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay

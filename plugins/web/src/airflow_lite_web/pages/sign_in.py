"""Signing in and out, and `/health`, which needs no user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from airflow_lite_web.access.guard import address_of
from airflow_lite_web.access.sessions import COOKIE
from airflow_lite_web.pages.health import health_of
from airflow_lite_web.pages.page import Page, html

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_lite_web.site import Site


def show(request: Request) -> Response:
    """Show the form."""
    return _form(request, "")


async def sign_in(request: Request) -> Response:
    """Begin a session for whoever has a token."""
    site: Site = request.app.state.site
    address = address_of(request)
    if wait_s := site.limiter.wait_s(address):
        response = _form(request, "Too many wrong tokens. Try again in a minute.", 429)
        response.headers["retry-after"] = str(int(wait_s) + 1)
        return response
    token = request.scope["form"].get("token", [""])[0].strip()
    user = site.users.by_token(token) if token else None
    if user is None:
        site.limiter.fail(address)
        return _form(
            request, "This is no user's token. `airflow-lite web users create` makes one.", 403
        )
    response = RedirectResponse(_own_path(request.query_params.get("next", "/")), 303)
    response.set_cookie(
        COOKIE,
        site.sessions.begin(user),
        max_age=int(site.settings.session_s),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


async def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


async def health(request: Request) -> Response:
    """Say whether the database answers and a scheduler lives, as Airflow's page does."""
    site: Site = request.app.state.site
    return JSONResponse(await run_in_threadpool(health_of, site))


def _form(request: Request, message: str, status: int = 200) -> Response:
    page = Page("sign_in.html", "Sign in", {"message": message}, status=status)
    return html(request, page)


def _own_path(path: str) -> str:
    """Return a path of this site; `/` for what would lead elsewhere."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


ROUTES = [
    Route("/login", show, methods=["GET"]),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
    Route("/health", health, methods=["GET"]),
]

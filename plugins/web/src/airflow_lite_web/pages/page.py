"""What a page is: data with a name, shown by a template, or given as JSON, or as CSV."""

from __future__ import annotations

import csv
import io
import logging
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from airflow_lite.errors import (
    ConfigError,
    DagNotFound,
    DagRunNotFound,
    InvalidIdError,
    StoreError,
    TaskNotFound,
    UserError,
)
from airflow_lite.store.faults import cause_of, is_of_rows
from airflow_lite_web.access.guard import allow
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.health import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jinja2 import Environment
    from starlette.requests import Request

    from airflow_lite_web.access.users import User
    from airflow_lite_web.site import Site

logger = logging.getLogger(__name__)

_NAVIGATION = (
    ("/", "DAGs"),
    ("/executors", "Executors"),
    ("/datasets", "Datasets"),
    ("/pools", "Pools"),
    ("/variables", "Variables"),
    ("/connections", "Connections"),
    ("/settings", "Settings"),
)
#: Seconds after which somebody whom the database could not serve may ask again.
_RETRY_S = 5
_NOT_FOUND = (DagNotFound, DagRunNotFound, TaskNotFound, InvalidIdError)


@dataclass(frozen=True)
class Page:
    """One page. `data` is made of what JSON has; `table` names the rows in it that CSV gives.

    `section` is its entry in the navigation. `is_live` are the parameters of its stream of
    changes, see `live.events`; None: it stays as it is.
    """

    template: str
    title: str
    data: Mapping[str, Any]
    table: str | None = None
    status: int = 200
    section: str | None = None
    is_live: str | None = None


class Ask(NamedTuple):
    """What a page is asked: by whom, with which names in its path and which after its `?`."""

    site: Site
    request: Request

    @property
    def user(self) -> User:
        """Who asks."""
        user: User = self.request.scope["caller"].user
        return user

    def name(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def word(self, name: str, default: str = "") -> str:
        """Return a parameter."""
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a parameter that is a whole number, within bounds; a wrong one is the default."""
        try:
            value = int(self.word(name, str(default)))
        except ValueError:
            return default
        return min(max(value, least), most)


def page_routes(path: str, view: Callable[[Ask], Page], *, role: Role = Role.VIEWER) -> list[Route]:
    """Return the routes of a page: as HTML, `.json` and `.csv`; the view runs on a thread."""
    base = "/home" if path == "/" else path
    return [
        Route(path, partial(_answer, view, role, _as_html), methods=["GET"]),
        Route(f"{base}.json", partial(_answer, view, role, _as_json), methods=["GET"]),
        Route(f"{base}.csv", partial(_answer, view, role, _as_csv), methods=["GET"]),
    ]


async def _answer(
    view: Callable[[Ask], Page],
    role: Role,
    form: Callable[[Ask, Page], Response],
    request: Request,
) -> Response:
    ask = Ask(request.app.state.site, request)
    if allow(request.scope, role) is None:
        raise Forbidden(f"This needs the role {role.title}, and you are {ask.user.role.title}.")
    return await run_in_threadpool(lambda: form(ask, view(ask)))


class Forbidden(UserError):
    """Your role does not allow this. Ask an admin."""


def _as_html(ask: Ask, page: Page) -> Response:
    return html(ask.request, page)


def _as_json(ask: Ask, page: Page) -> Response:
    return JSONResponse(dict(page.data), page.status)


def _as_csv(ask: Ask, page: Page) -> Response:
    if page.table is None:
        return Response("This page has no table.\n", 404, media_type="text/plain")
    return Response(csv_of(page.data[page.table]), media_type="text/csv")


def csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; a text that a spreadsheet would take for a formula gets an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    if rows:
        names = [name for name, value in rows[0].items() if not isinstance(value, dict | list)]
        writer.writerow(names)
        writer.writerows([[_plain(row[name]) for name in names] for row in rows])
    return file.getvalue()


def _plain(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def html(request: Request, page: Page) -> HTMLResponse:
    """Return a page as HTML."""
    caller = request.scope.get("caller")
    text = (
        templates()
        .get_template(page.template)
        .render(
            **page.data,
            page=page,
            path=request.url.path,
            data_path=_data_path(request, page),
            status=status_of(request.app.state.site) if caller is not None else None,
            query=request.url.query,
            user=None if caller is None else caller.user,
            form_token="" if caller is None else caller.form_token or "",
            may={role.title: caller is not None and caller.user.role >= role for role in Role},
            notice=request.query_params.get("notice", "")[:300],
        )
    )
    return HTMLResponse(text, page.status)


def _data_path(request: Request, page: Page) -> str | None:
    """Return the path to which `.json` is added for the page's data; None where it has none."""
    if page.status != 200 or request.method != "GET":
        return None
    return "/home" if request.url.path == "/" else quote(request.url.path)


@cache
def templates() -> Environment:
    """Return the templates; whatever they are given is text, never markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from airflow_lite import __version__
    from airflow_lite_web.pages import markup, shown

    environment = Environment(
        loader=PackageLoader("airflow_lite_web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "version": __version__,
        "NAVIGATION": _NAVIGATION,
        "STATES": [*shown.LETTERS],
    }
    environment.filters |= {**shown.FILTERS, "spark": markup.spark, "cells": markup.cells}
    return environment


def on_user_error(request: Request, error: Exception) -> Response:
    """Say what is wrong and what to do."""
    if isinstance(error, ConfigError):  # it may quote a setting, which is for the log alone
        logger.error("%s: %s", request.url.path, error)
        return _failure(request, 503, "A setting or a file is wrong. The server's log says which.")
    return _failure(request, _status_of(error), str(error))


def _status_of(error: Exception) -> int:
    if isinstance(error, StoreError):
        return 503
    return 404 if isinstance(error, _NOT_FOUND) else 403 if isinstance(error, Forbidden) else 400


def on_database_error(request: Request, error: Exception) -> Response:
    """Say that the database is busy or away, which passes; what rows do not take is our mistake."""
    if is_of_rows(error):
        return on_error(request, error)
    logger.error("%s: the database cannot be used: %s", request.url.path, cause_of(error))
    text = "The database is busy, or does not answer. Try again; the server's log says more."
    response = _failure(request, 503, text)
    response.headers["retry-after"] = str(_RETRY_S)
    return response


def on_error(request: Request, error: Exception) -> Response:
    """Say that there is no such page, or that it failed; the log has the reason."""
    status = getattr(error, "status_code", 500)
    if status == 404:
        return _failure(request, 404, "There is no such page.")
    if status == 405:
        return _failure(request, 405, "This page takes no such request.")
    logger.error("%s failed", request.url.path, exc_info=error)
    return _failure(request, 500, "This page failed. The server's log says why.")


def _failure(request: Request, status: int, message: str) -> Response:
    if request.url.path.endswith((".json", ".csv")):
        return JSONResponse({"error": message}, status)
    if request.scope.get("caller") is None:
        return Response(f"{message}\n", status, media_type="text/plain")
    return html(request, Page("error.html", "Not done", {"message": message}, status=status))

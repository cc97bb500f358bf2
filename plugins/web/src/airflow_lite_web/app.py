"""The application: the pages, the REST API, and the guard in front of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from airflow_lite_web import live
from airflow_lite_web.access.cors import Cors, read_allowed
from airflow_lite_web.access.guard import Guard
from airflow_lite_web.api.routing import api
from airflow_lite_web.pages import (
    actions,
    backfill,
    dag,
    datasets,
    executors,
    graph,
    home,
    metrics,
    run,
    secrets,
    sign_in,
    task,
    trigger,
)
from airflow_lite_web.pages.page import on_database_error, on_error, on_user_error

if TYPE_CHECKING:
    from airflow_lite_web.site import Site

_STATIC = Path(__file__).parent / "static"


def make_app(site: Site) -> Starlette:
    """Return the application; `request.app.state.site` is what its pages share.

    Raises `ConfigError`.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_lite.errors import UserError

    allowed = read_allowed(site.config)
    app = Starlette(
        routes=_routes(),
        middleware=[
            *([Middleware(Cors, allowed=allowed)] if allowed.origins else []),
            Middleware(
                Guard,
                settings=site.settings,
                users=site.users,
                sessions=site.sessions,
                limiter=site.limiter,
            ),
        ],
        exception_handlers={
            UserError: on_user_error,
            SQLAlchemyError: on_database_error,
            404: on_error,
            405: on_error,
            500: on_error,
        },
    )
    app.state.site = site
    app.state.watch = live.Watch(site)
    return app


def _routes() -> list[BaseRoute]:
    return [
        *home.ROUTES,
        *dag.ROUTES,
        *actions.ROUTES,
        *trigger.ROUTES,
        *backfill.ROUTES,
        *graph.ROUTES,
        *run.ROUTES,
        *task.ROUTES,
        *executors.ROUTES,
        *datasets.ROUTES,
        *secrets.ROUTES,
        *live.ROUTES,
        *sign_in.ROUTES,
        *metrics.ROUTES,
        api(),
        Mount("/static", StaticFiles(directory=_STATIC), name="static"),
    ]

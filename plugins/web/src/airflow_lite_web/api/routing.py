"""The routes of the API, from the tables of its resources."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from airflow_lite_web.api import openapi, problems
from airflow_lite_web.api.dispatch import handler
from airflow_lite_web.api.endpoints import route_path
from airflow_lite_web.api.missing import MISSING
from airflow_lite_web.api.resources import (
    actions,
    config,
    connection_test,
    connections,
    dag_details,
    dag_runs,
    dag_warnings,
    dags,
    datasets,
    dependencies,
    event_logs,
    import_errors,
    links,
    logs,
    monitoring,
    plugins,
    pools,
    task_instances,
    tries,
    users,
    variables,
    xcoms,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from airflow_lite_web.api.endpoints import Endpoint, Missing

#: In this order they are asked: paths of words before those of parameters.
ENDPOINTS: tuple[Endpoint, ...] = (
    *dags.ENDPOINTS,
    *dag_details.ENDPOINTS,
    *actions.ENDPOINTS,
    *dag_runs.ENDPOINTS,
    *task_instances.ENDPOINTS,
    *tries.ENDPOINTS,
    *dependencies.ENDPOINTS,
    *links.ENDPOINTS,
    *logs.ENDPOINTS,
    *xcoms.ENDPOINTS,
    *datasets.ENDPOINTS,
    *pools.ENDPOINTS,
    *variables.ENDPOINTS,
    *connections.ENDPOINTS,
    *connection_test.ENDPOINTS,
    *import_errors.ENDPOINTS,
    *dag_warnings.ENDPOINTS,
    *event_logs.ENDPOINTS,
    *config.ENDPOINTS,
    *plugins.ENDPOINTS,
    *users.ENDPOINTS,
    *monitoring.ENDPOINTS,
)


def api() -> Mount:
    """Return what answers all below `/api/v1`."""
    routes = [
        Route("/openapi.json", _document, methods=["GET"]),
        *(Route(route_path(each.path), handler(each), methods=[each.method]) for each in ENDPOINTS),
        *(
            Route(route_path(each.path), _not_offered(each), methods=[each.method])
            for each in MISSING
        ),
    ]
    return Mount("/api/v1", app=_Api(routes))


class _Api(Router):
    """A router that says in JSON what it has not."""

    def __init__(self, routes: list[Route]) -> None:
        super().__init__(routes, redirect_slashes=False, default=_nothing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say that a path takes no such method."""
        try:
            await super().__call__(scope, receive, send)
        except HTTPException as error:
            answer = problems.answer(error.status_code, "This path takes no such request.")
            answer.headers.update(error.headers or {})
            await answer(scope, receive, send)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problems.answer(404, "There is nothing at this path.")
    await answer(scope, receive, send)


def _not_offered(missing: Missing) -> Callable[[Request], Any]:
    async def refuse(_: Request) -> Response:
        return problems.answer(501, missing.reason)

    return refuse


async def _document(_: Request) -> Response:
    return JSONResponse(_made())


@cache
def _made() -> dict[str, Any]:
    from importlib.metadata import version

    return openapi.document(version("airflow-lite"), ENDPOINTS, MISSING)

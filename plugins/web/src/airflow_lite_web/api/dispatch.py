"""From a request to its call, and from what that returns to the answer."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from airflow_lite.errors import ConfigError
from airflow_lite_web.access.guard import allow
from airflow_lite_web.api import problems
from airflow_lite_web.api.endpoints import FIELDS, LIMIT, Call
from airflow_lite_web.api.problems import BadRequest, NotFound, PermissionDenied, Unavailable
from airflow_lite_web.api.records import Shaped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from airflow_lite.config import Config
    from airflow_lite_web.access.users import User
    from airflow_lite_web.api.endpoints import Endpoint, Parameter
    from airflow_lite_web.site import Site

logger = logging.getLogger(__name__)
_JSON = "application/json"


def handler(endpoint: Endpoint) -> Callable[[Request], Any]:
    """Return what answers the requests for an endpoint."""

    async def handle(request: Request) -> Response:
        try:
            call = await _call(endpoint, request)
            return await run_in_threadpool(_answer, endpoint, call)
        except Exception as error:
            return _problem(endpoint, error)

    return handle


async def _call(endpoint: Endpoint, request: Request) -> Call:
    site: Site = request.app.state.site
    user = _user(endpoint, request)
    values = _in_path(endpoint, request) | _in_query(endpoint.parameters, request.query_params)
    if LIMIT in endpoint.parameters:
        values["limit"] = _page_limit(site.config, values["limit"])
    if values.get("fields") is not None and endpoint.answer is not None:
        endpoint.answer.check(values["fields"])
    body = {} if endpoint.form is None else endpoint.form.load(await _json(request))
    if "page_limit" in body:
        body["page_limit"] = _page_limit(site.config, body["page_limit"])
    accept = request.headers.get("accept", "")
    return Call(site, user, values, body, accept)


def _page_limit(config: Config, limit: int) -> int:
    """Return how many rows a page has: as many as asked for, up to the most that are given."""
    return min(
        limit or config.getint("api", "fallback_page_limit"),
        config.getint("api", "maximum_page_limit"),
    )


def _user(endpoint: Endpoint, request: Request) -> User | None:
    if endpoint.is_open:
        return None
    user = allow(request.scope, endpoint.role)
    if user is None:
        raise PermissionDenied(f"This needs the role {endpoint.role.title}.")
    return user


def _in_path(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    texts = request.path_params
    try:
        return {
            each.name: each.type.read(str(texts[each.name])) for each in endpoint.path_parameters
        }
    except ValueError:
        raise NotFound("There is nothing at this path.") from None


def _in_query(parameters: Sequence[Parameter], query: QueryParams) -> dict[str, Any]:
    if unknown := set(query).difference(each.name for each in parameters):
        raise BadRequest(f"{min(unknown)[:60]!r} is not a parameter of this.")
    values = {each.name: each.default for each in parameters if each.default is not None}
    for each in parameters:
        texts = query.getlist(each.name)
        if texts and each.is_list:
            words = [word for text in texts for word in text.split(",")]
            values[each.name] = [_read(each, word) for word in words]
        elif texts:
            values[each.name] = _read(each, texts[-1])
        elif each.is_required:
            raise BadRequest(f"{each.name} is missing. Give it.")
    return values


def _read(parameter: Parameter, text: str) -> Any:
    try:
        return parameter.type.read(text)
    except ValueError as error:
        raise BadRequest(f"{parameter.name} {text[:60]!r} {error}.") from None


async def _json(request: Request) -> Any:
    text = await request.body()
    if not text:
        raise BadRequest("The body is empty. Send a JSON object.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None


def _answer(endpoint: Endpoint, call: Call) -> Response:
    result = endpoint.act(call)
    if isinstance(result, Response):
        return result
    if isinstance(result, Shaped):
        return JSONResponse(result.shape.dump(result.result))
    if endpoint.answer is None:
        return Response(status_code=204)
    return JSONResponse(endpoint.answer.dump(result, call[FIELDS.name]))


def _problem(endpoint: Endpoint, error: Exception) -> Response:
    if isinstance(error, DBAPIError):
        logger.warning("%s could not ask the metadata database: %s", endpoint.operation, error)
        error = Unavailable("The metadata database cannot be used now. Try again.")
    problem = problems.problem_of(error)
    if isinstance(error, ConfigError):
        logger.error("%s: %s", endpoint.operation, error)
    if problem is None:
        logger.error("%s failed", endpoint.operation, exc_info=error)
        return problems.answer(500, "Something went wrong here. The server's log has it.")
    return problems.answer(problem.status, problem.detail, problem.title)

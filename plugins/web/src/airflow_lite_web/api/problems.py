"""What is answered where something is not done: `application/problem+json`, as RFC 7807 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import JSONResponse

from airflow_lite.errors import (
    ConfigError,
    DagNotFound,
    DagRunAlreadyExists,
    DagRunNotFound,
    ParamValidationError,
    PoolNotFound,
    StoreError,
    TaskNotFound,
    UserError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """One kind of problem: its name in our OpenAPI document, and its title."""

    name: str
    title: str


KINDS = {
    400: Kind("BadRequest", "Bad Request"),
    401: Kind("Unauthenticated", "Unauthorized"),
    403: Kind("PermissionDenied", "Forbidden"),
    404: Kind("NotFound", "Not Found"),
    405: Kind("MethodNotAllowed", "Method Not Allowed"),
    406: Kind("NotAcceptable", "Not Acceptable"),
    409: Kind("AlreadyExists", "Conflict"),
    413: Kind("TooLarge", "Request Entity Too Large"),
    415: Kind("UnsupportedMediaType", "Unsupported Media Type"),
    429: Kind("TooManyRequests", "Too Many Requests"),
    500: Kind("Unknown", "Internal Server Error"),
    501: Kind("NotOffered", "Not Implemented"),
    503: Kind("Unavailable", "Service Unavailable"),
}


class Problem(Exception):
    """A request that is not done: the status of the answer, and why in one line."""

    status = 500

    def __init__(self, detail: str, title: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.title = title or KINDS[self.status].title


class BadRequest(Problem):
    """The request makes no sense."""

    status = 400


class PermissionDenied(Problem):
    """The user may not do this."""

    status = 403


class NotFound(Problem):
    """There is no such thing."""

    status = 404


class AlreadyExists(Problem):
    """There is one already."""

    status = 409


class Unavailable(Problem):
    """The metadata database cannot be used now."""

    status = 503


#: Mistakes that the functions behind the calls tell of: as what, and under which title.
_OF_ERRORS: Mapping[type[Exception], tuple[type[Problem], str | None]] = {
    DagNotFound: (NotFound, "DAG not found"),
    DagRunNotFound: (NotFound, "DAGRun not found"),
    TaskNotFound: (NotFound, "Task not found"),
    PoolNotFound: (NotFound, None),
    DagRunAlreadyExists: (AlreadyExists, None),
    ParamValidationError: (BadRequest, None),
    StoreError: (Unavailable, None),
    UserError: (BadRequest, None),
}


def problem_of(error: Exception) -> Problem | None:
    """Return the problem that an error is; None if it is none of a user's."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ConfigError):  # it may quote a setting, which is for the log alone
        return Unavailable("A setting or a file is wrong. The server's log says which.")
    for kind, (problem, title) in _OF_ERRORS.items():
        if isinstance(error, kind):
            return problem(str(error), title)
    return None


def answer(status: int, detail: str, title: str | None = None) -> JSONResponse:
    """Return a problem as an answer; `type` leads to what our OpenAPI document says of it."""
    kind = KINDS[status]
    content = {
        "detail": detail,
        "status": status,
        "title": title or kind.title,
        "type": f"/api/v1/openapi.json#/components/responses/{kind.name}",
    }
    return JSONResponse(content, status, media_type=MEDIA_TYPE)

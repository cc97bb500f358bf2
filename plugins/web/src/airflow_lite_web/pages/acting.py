"""What pages do: each action is a form, answered by leading back to where it was sent from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_lite_web.access.guard import FORM_FIELD, allow
from airflow_lite_web.pages.page import Ask, Forbidden, Page, html

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from airflow_lite_web.access.users import Role


class Act(Ask):
    """What an action is asked: as a page is, with the fields of a form."""

    @property
    def actor(self) -> str:
        """Who does it, as the history has it."""
        return f"user {self.user.name}"

    def fields(self, name: str) -> list[str]:
        """Return all values of a field."""
        form: dict[str, list[str]] = self.request.scope["form"]
        return form.get(name, [])

    def field(self, name: str, default: str = "") -> str:
        """Return the value of a field."""
        return next(iter(self.fields(name)), default)

    def numbers(self, name: str) -> list[int]:
        """Return the values of a field that are whole numbers."""
        return [int(text) for text in self.fields(name) if text.isascii() and text.isdecimal()]

    def back(self, notice: str, default: str) -> Response:
        """Lead back to the page that sent the form, with a line on what was done."""
        return RedirectResponse(own_path(self.field("next"), default, notice), 303)


def own_path(text: str, default: str, notice: str) -> str:
    """Return a path of this site with a notice; `default` in place of what would lead elsewhere."""
    parts = urlsplit(text)
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    path = parts.path if is_own and not parts.netloc and not parts.scheme else default
    query = parse_qsl(parts.query) if path == parts.path else []
    words = [(name, value) for name, value in query if name not in {"notice", "select"}]
    return f"{path}?{urlencode([*words, ('notice', notice)])}"


def action_route(path: str, do: Callable[[Act], Response | Page], role: Role) -> Route:
    """Return the route of an action; it runs on a thread, for those who have the role."""
    return Route(path, partial(_answer, do, role), methods=["POST"])


async def _answer(do: Callable[[Act], Response | Page], role: Role, request: Request) -> Response:
    act = Act(request.app.state.site, request)
    if allow(request.scope, role) is None:
        raise Forbidden(f"This needs the role {role.title}, and you are {act.user.role.title}.")
    answer = await run_in_threadpool(do, act)
    return html(request, answer) if isinstance(answer, Page) else answer


def hidden_fields(act: Act) -> list[dict[str, Any]]:
    """Return the fields of a form, for the form that confirms it."""
    return [
        {"name": name, "value": value}
        for name, values in act.request.scope["form"].items()
        for value in values
        if name != FORM_FIELD
    ]

"""What a call of the API is: a row of a table, from which it is routed, checked and documented."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import SystemClock
from airflow_lite.store import edits
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.types import ID, MOMENT, NUMBER, TEXT, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store
    from airflow_lite_web.access.users import User
    from airflow_lite_web.api.forms import Form
    from airflow_lite_web.api.records import Listing, Record
    from airflow_lite_web.api.types import Type
    from airflow_lite_web.site import Site

_IN_PATH = re.compile(r"{(\w+)(:path)?}")


class Parameter(NamedTuple):
    """A parameter of the query: one value, or a list of such."""

    name: str
    type: Type
    default: Any = None
    #: Whether it is a list: it may be repeated, and commas part its values.
    is_list: bool = False
    is_required: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""
        if self.is_list:
            return {"type": "array", "items": self.type.schema}
        more = {} if self.default is None else {"default": self.default}
        return {**self.type.schema, **more}


#: The most that a page can have; how many it has is for the settings to say.
LIMIT = Parameter("limit", integer(0), 100)
OFFSET = Parameter("offset", integer(0), 0)
PAGE = (LIMIT, OFFSET)
ORDER_BY = Parameter("order_by", TEXT)
FIELDS = Parameter("fields", TEXT, is_list=True)
UPDATE_MASK = Parameter("update_mask", TEXT, is_list=True)


def between(name: str, kind: Type = MOMENT) -> tuple[Parameter, Parameter]:
    """Return the two parameters for the least and the largest value of a field."""
    return Parameter(f"{name}_gte", kind), Parameter(f"{name}_lte", kind)


def several(name: str) -> Parameter:
    """Return a parameter that any of several values may be asked for by."""
    return Parameter(name, TEXT, is_list=True)


#: Of the parameters in paths: the type; all others are texts.
_PATH_TYPES: Mapping[str, Type] = {
    "map_index": integer(0),
    "task_try_number": integer(0),
    "event_log_id": ID,
    "import_error_id": ID,
}

DURATION = between("duration", NUMBER)


@dataclass(frozen=True)
class Call:
    """One call: what it is about, checked, and whose it is."""

    site: Site
    #: None where anybody may ask.
    user: User | None
    #: The parameters of path and query by name, with the defaults of those that were not given.
    values: Mapping[str, Any]
    #: What the form has; empty where there is none.
    body: Mapping[str, Any]
    #: What the client would like to have, as it says.
    accept: str

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.site.config

    @property
    def store(self) -> Store:
        """The store."""
        return self.site.store

    @property
    def actor(self) -> str:
        """Who asks, as the history has it."""
        return "anybody" if self.user is None else f"user {self.user.name}"

    def note(self, connection: sa.Connection, cause: str, *, dag_run_id: int = 0) -> None:
        """Note in the history what was done that changes no task instance by itself."""
        now_us = SystemClock().now_us()
        edits.note_action(connection, self.actor, cause, now_us=now_us, dag_run_id=dag_run_id)

    def __getitem__(self, name: str) -> Any:
        """Return a parameter; None where it was not given and has no default."""
        return self.values.get(name)


@dataclass(frozen=True)
class Endpoint:
    """One method of a path, as Airflow names it; `act` returns what `answer` writes down.

    An `act` may return a whole `Response`, too. Without an `answer` there is nothing to say: 204.
    """

    method: str
    path: str
    operation: str
    tag: str
    summary: str
    act: Callable[[Call], Any]
    answer: Record | Listing | None = None
    parameters: tuple[Parameter, ...] = ()
    form: Form | None = None
    role: Role = Role.VIEWER
    #: What else it may answer, as `Shaped`.
    alternatives: tuple[Record | Listing, ...] = ()
    #: Whether it is answered without a user.
    is_open: bool = False
    #: Of an answer that says that it is done.
    status: int = 200
    #: Media types of whole responses, beside JSON.
    media_types: tuple[str, ...] = ()

    @property
    def path_parameters(self) -> tuple[Parameter, ...]:
        """The parameters that its path has, in order."""
        names = [match[1] for match in _IN_PATH.finditer(self.path)]
        return tuple(Parameter(name, _PATH_TYPES.get(name, TEXT)) for name in names)


def route_path(path: str) -> str:
    """Return a path as routes have it: of a number only digits fit, so that words pass by."""
    return _IN_PATH.sub(lambda m: f"{{{m[1]}:int}}" if m[1] in _PATH_TYPES else m[0], path)


class Missing(NamedTuple):
    """What Airflow has and airflow-lite has not, with the reason in a sentence."""

    method: str
    path: str
    operation: str
    tag: str
    reason: str

"""Render a task's templated fields. Jinja is imported only where a field needs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow_lite.authoring.arguments.references import Reference
from airflow_lite.authoring.context import Context, plain
from airflow_lite.secrets_masker import hide_named, redact

if TYPE_CHECKING:
    import jinja2

#: A longer rendered value is shown cut; the task itself gets it whole.
MAX_SHOWN_LENGTH = 4096


class Templated(Protocol):
    """The attributes of a task that rendering reads."""

    @property
    def template_fields(self) -> Sequence[str]:
        """The names of the arguments that may hold templates."""

    @property
    def template_ext(self) -> Sequence[str]:
        """The endings of names of template files."""

    def get_dag(self) -> Any:
        """Return the DAG, whose settings hold for its templates; None if there is none."""


def render_fields(
    task: Templated,
    context: Mapping[str, Any],
    jinja_env: jinja2.Environment | None = None,
    *,
    kept: Collection[int] = (),
) -> dict[str, Any]:
    """Render the templated fields of `task` (a copy), set them, and return them as JSON holds them.

    `jinja_env` is `task.get_template_env()` unless given. Values whose ids are in `kept` stay as
    they are. A template's own errors go through.
    """
    renderer = Renderer(task, context, jinja_env, kept=kept)
    shown = {}
    for name in task.template_fields:
        renderer.render_field(task, name)
        value = getattr(task, name)
        hide_named({name: value})
        shown[name] = presentable(value, name)
    return shown


class Renderer:
    """Renders values of one task in one context."""

    def __init__(
        self,
        task: Templated,
        context: Mapping[str, Any],
        jinja_env: jinja2.Environment | None = None,
        *,
        kept: Collection[int] = (),
    ) -> None:
        self._task = task
        self._kept = kept
        self._context = context
        self._environment = jinja_env
        self._is_own = jinja_env is None
        self._extensions = tuple(task.template_ext)
        self._always = jinja_env is not None or _is_special(task.get_dag())
        self._rendered_ids: set[int] = set()

    def render_field(self, owner: object, name: str) -> None:
        """Render a field of the task, or of an object in one.

        A function is called for its value, which is taken as it is, as in Airflow 2.10.
        """
        value = getattr(owner, name)
        if _is_empty(value):
            return
        if callable(value) and not isinstance(value, Reference):
            setattr(owner, name, value(context=self._context, jinja_env=self._jinja()))
        else:
            setattr(owner, name, self.render(value))

    def render(self, value: Any) -> Any:
        """Return `value` rendered: text, and the items of lists, dicts and objects.

        The keys of a dict stay as they are, as in Airflow.
        """
        if self._kept and id(value) in self._kept:
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Reference):
            return value.resolve(self._context)
        if isinstance(value, Mapping):
            return {key: self.render(item) for key, item in value.items()}
        if isinstance(value, tuple):
            items = [self.render(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, (list, set)):
            return type(value)(self.render(item) for item in value)
        self._nested(value)
        return value

    def _text(self, value: str) -> Any:
        if self._extensions and value.endswith(self._extensions):
            return self._file(value).render(self._variables())
        if not self._always and "\r" not in value and "{" not in value:
            return value.removesuffix("\n")  # as Jinja renders text with no template in it
        return self._jinja().from_string(value).render(self._variables())

    def _variables(self) -> Mapping[str, Any]:
        """Return a template's variables; `environment` looks up lazy ones itself."""
        if self._is_own and isinstance(self._context, Context):
            return self._context.unresolved()
        return self._context

    def _file(self, name: str) -> jinja2.Template:
        import jinja2

        try:
            return self._jinja().get_template(name)
        except jinja2.TemplateNotFound as error:
            if error.name != name:  # an include of the template that was found
                raise
            raise jinja2.TemplateNotFound(
                name,
                f"There is no template file {name!r} in the DAG's folder or template_searchpath. "
                "To run a script rather than a template, put a space after its name.",
            ) from None

    def _jinja(self) -> jinja2.Environment:
        if self._environment is None:
            self._environment = environment(self._task)
        return self._environment

    def _nested(self, value: Any) -> None:
        """Render in place the templated fields of an object that an argument holds."""
        names = getattr(value, "template_fields", None)
        if (
            not names
            or hasattr(value, "task_id")
            or id(value) in self._rendered_ids
            or isinstance(value, type)
        ):
            return
        self._rendered_ids.add(id(value))
        for name in names:
            self.render_field(value, name)


def _is_empty(value: object) -> bool:
    try:
        return not value
    except Exception:  # an author's, or pandas': a table is neither true nor false
        return False


def _is_special(dag: Any) -> bool:
    """Whether plain text too must go through Jinja: its syntax is changed, or types are kept."""
    if dag is None:
        return False
    return bool(dag.render_template_as_native_obj or dag.jinja_environment_kwargs)


def environment(task: Templated) -> jinja2.Environment:
    """Return the Jinja environment of the task's DAG, with Airflow's filters."""
    import jinja2
    import jinja2.nativetypes
    import jinja2.sandbox

    dag = task.get_dag()
    options: dict[str, Any] = {
        "undefined": jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
    }
    kind: type[jinja2.Environment] = jinja2.sandbox.SandboxedEnvironment
    if dag is not None:
        options["loader"] = jinja2.FileSystemLoader([dag.folder, *dag.template_searchpath])
        if dag.template_undefined is not None:
            options["undefined"] = dag.template_undefined
        options |= dag.jinja_environment_kwargs or {}
        if dag.render_template_as_native_obj:
            bases = (jinja2.sandbox.SandboxedEnvironment, jinja2.nativetypes.NativeEnvironment)
            kind = type("SandboxedNativeEnvironment", bases, {})
    made = kind(**options)
    made.context_class = _lazy_context()
    made.filters.update(_FILTERS)
    if dag is not None:
        made.globals.update(dag.user_defined_macros)
        made.filters.update(dag.user_defined_filters)
    return made


def _lazy_context() -> type[jinja2.runtime.Context]:
    from jinja2.runtime import Context as Variables

    class LazyVariables(Variables):
        def resolve_or_missing(self, key: str) -> Any:
            return plain(super().resolve_or_missing(key))

    return LazyVariables


def _filter(write: Callable[[datetime], str]) -> Callable[[datetime | None], str | None]:
    return lambda moment: None if moment is None else write(moment)


_FILTERS = {
    "ds": _filter(lambda moment: moment.strftime("%Y-%m-%d")),
    "ds_nodash": _filter(lambda moment: moment.strftime("%Y%m%d")),
    "ts": _filter(datetime.isoformat),
    "ts_nodash": _filter(lambda moment: moment.strftime("%Y%m%dT%H%M%S")),
    "ts_nodash_with_tz": _filter(lambda moment: re.sub("[-:]", "", moment.isoformat())),
}


def presentable(value: Any, name: str | None = None) -> Any:
    """Return a rendered value as JSON holds it, secrets masked, and cut where it is long."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        value = _jsonable(value)
        text = json.dumps(value)
    shown = redact(value if isinstance(value, str) else json.loads(text), name)
    if len(text) <= MAX_SHOWN_LENGTH:
        return shown
    whole = shown if isinstance(shown, str) else json.dumps(shown)
    return f"{whole[: MAX_SHOWN_LENGTH - 30]}… ({len(whole)} characters)"


def _jsonable(value: Any, depth: int = 0) -> Any:
    """Return `value` with what JSON cannot hold as text: functions by name, others by str."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if depth < 20 and isinstance(value, Mapping):
        return {str(key): _jsonable(item, depth + 1) for key, item in value.items()}
    if depth < 20 and isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(item, depth + 1) for item in value]
    if callable(value):
        return f"<callable {getattr(value, '__qualname__', type(value).__name__)}>"
    return str(value)

"""Arguments that an object keeps as attributes: each declared once, with its check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.defaults import AuthorDefaults

Kept = TypeVar("Kept")


class Argument(Generic[Kept]):
    """Declares that an instance keeps its argument of this name, as `check` returns it.

    `default` holds where the argument is None or missing: the name of one of `AuthorDefaults`, or
    a function that makes the value. Without a default None goes to `check`, too, and a missing
    argument is None.
    """

    def __init__(
        self,
        check: Callable[[Any], Kept],
        default: str | Callable[[], Any] | None = None,
    ) -> None:
        self._check = check
        self._default = default
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Kept: ...

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        raise AttributeError(f"{owner.__name__} has no {self._name!r} before its __init__")

    if TYPE_CHECKING:  # at run time the instance's own attribute hides this one

        def __set__(self, instance: object, value: Kept) -> None: ...

    def value(self, owner: str, arguments: Mapping[str, Any], defaults: AuthorDefaults) -> Any:
        """Return the value to keep; raise TypeError that names `owner` and the argument."""
        argument = arguments.get(self._name)
        default = self._default
        if argument is None and default is not None:
            return getattr(defaults, default) if isinstance(default, str) else default()
        if self._name not in arguments:
            return None
        return checks.checked(owner, self._name, self._check, argument)


def keep(
    instance: object,
    kind: type,
    owner: str,
    arguments: Mapping[str, Any],
    defaults: AuthorDefaults,
) -> None:
    """Check and keep in `instance` the arguments that the class `kind` declares as `Argument`."""
    for name, item in _declared(kind):
        instance.__dict__[name] = item.value(owner, arguments, defaults)


@cache
def _declared(kind: type) -> list[tuple[str, Argument[Any]]]:
    return [(name, item) for name, item in vars(kind).items() if isinstance(item, Argument)]

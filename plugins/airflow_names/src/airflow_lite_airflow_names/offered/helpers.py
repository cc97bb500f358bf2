"""airflow.utils.helpers, .strings, .module_loading, .net, .platform: small functions."""

from __future__ import annotations

import os
import pkgutil
import random
import re
import string
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping
from functools import reduce
from types import ModuleType
from typing import Any, TypeVar

from airflow_lite.authoring.arguments.param import NOTSET
from airflow_lite.errors import AirflowException
from airflow_lite.imports import import_string as _import_string

T = TypeVar("T")

KEY_REGEX = re.compile(r"^[\w.-]+$")
GROUP_KEY_REGEX = re.compile(r"^[\w\-]+$")
CAMELCASE_TO_SNAKE_CASE_REGEX = re.compile(r"(?!^)([A-Z]+)")
TRUE_LIKE_VALUES = {"on", "t", "true", "y", "yes", "1"}
IS_WINDOWS = False


def validate_key(k: str, max_length: int = 250) -> None:
    """Raise unless this may be an id."""
    if not isinstance(k, str):
        raise TypeError(f"The key has to be a string and is {type(k)}:{k}")
    if len(k) > max_length:
        raise AirflowException(f"The key: {k} has to be less than {max_length} characters")
    if not KEY_REGEX.match(k):
        raise AirflowException(
            f"The key {k!r} has to be made of alphanumeric characters, dashes, dots, and"
            " underscores exclusively"
        )


def chunks(items: list[T], chunk_size: int) -> Generator[list[T], None, None]:
    """Yield lists of at most this many of the items."""
    if chunk_size <= 0:
        raise ValueError("Chunk size must be a positive integer")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def reduce_in_chunks(
    fn: Callable[[Any, list[T]], Any], iterable: list[T], initializer: Any, chunk_size: int = 0
) -> Any:
    """Reduce a list, some of its items at a time."""
    if not iterable:
        return initializer
    return reduce(fn, chunks(iterable, chunk_size or len(iterable)), initializer)


def as_flattened_list(iterable: Iterable[Iterable[T]]) -> list[T]:
    """Return the items of all items."""
    return [item for inner in iterable for item in inner]


def as_tuple(obj: Any) -> tuple[Any, ...]:
    """Return a container as a tuple, and anything else as one of a single item."""
    return tuple(obj) if is_container(obj) else (obj,)


def is_container(obj: Any) -> bool:
    """Return whether something has items, and is no text."""
    return hasattr(obj, "__iter__") and not isinstance(obj, str)


def merge_dicts(dict1: dict[Any, Any], dict2: dict[Any, Any]) -> dict[Any, Any]:
    """Return both in one, dicts in them too; what the second says counts."""
    merged = dict1.copy()
    for key, value in dict2.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge_dicts(merged[key], value) if both else value
    return merged


def partition(pred: Callable[[T], bool], iterable: Iterable[T]) -> tuple[Iterator[T], Iterator[T]]:
    """Return the items of which the condition is false, and those of which it is true."""
    items = list(iterable)
    return (item for item in items if not pred(item)), (item for item in items if pred(item))


def convert_camel_to_snake(camel_str: str) -> str:
    """Return `camelCase` as `camel_case`."""
    return CAMELCASE_TO_SNAKE_CASE_REGEX.sub(r"_\1", camel_str).lower()


def exactly_one(*args: Any) -> bool:
    """Return whether one of these is true, and no other."""
    if is_container(args[0]):
        raise ValueError(
            "Not supported for iterable args. Use `*` to unpack your iterable in the function call."
        )
    return sum(map(bool, args)) == 1


def at_most_one(*args: Any) -> bool:
    """Return whether no more than one of these was given."""
    return sum(arg is not NOTSET and bool(arg) for arg in args) <= 1


def prune_dict(val: Any, mode: str = "strict") -> Any:
    """Return a dict or list without None, or with mode "truthy" without all that is empty."""

    def is_kept(item: Any) -> bool:
        if mode not in ("strict", "truthy"):
            raise ValueError("allowable values for `mode` include 'truthy' and 'strict'")
        return item is not None if mode == "strict" else bool(item)

    if isinstance(val, dict):
        return {
            key: item
            for key, value in val.items()
            if is_kept(item := prune_dict(value, mode) if isinstance(value, dict | list) else value)
        }
    if isinstance(val, list):
        return [
            item
            for value in val
            if is_kept(item := prune_dict(value, mode) if isinstance(value, dict | list) else value)
        ]
    return val


def prevent_duplicates(
    kwargs1: dict[str, Any], kwargs2: Mapping[str, Any], *, fail_reason: str
) -> None:
    """Raise TypeError if a name is in both."""
    twice = sorted(set(kwargs1) & set(kwargs2))
    if twice:
        raise TypeError(f"{fail_reason} argument{'s' * (len(twice) > 1)}: {', '.join(twice)}")


def parse_template_string(template_string: str) -> tuple[str | None, Any]:
    """Return a text that is no template, or the Jinja template that it is."""
    if "{{" not in template_string:
        return template_string, None
    import jinja2.sandbox

    return None, jinja2.sandbox.SandboxedEnvironment().from_string(template_string)


def render_template(template: Any, context: MutableMapping[str, Any], *, native: bool) -> Any:
    """Render a Jinja template."""
    return template.render(context)


def render_template_to_string(template: Any, context: Any) -> str:
    """Render a Jinja template to text."""
    return str(render_template(template, context, native=False))


def to_boolean(astring: str | None) -> bool:
    """Return whether a text says yes."""
    return astring is not None and astring.lower() in TRUE_LIKE_VALUES


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    """Return letters and digits by chance; no secret is made of them."""
    return "".join(random.choices(choices, k=length))  # noqa: S311 - Airflow's own is no secret


def import_string(dotted_path: str) -> Any:
    """Import `package.module.Name`; raise ImportError."""
    try:
        return _import_string(dotted_path)
    except AirflowException as error:
        raise ImportError(str(error)) from error


def qualname(o: object | Callable[..., Any]) -> str:
    """Return the name of a class, a function, or an object's class, with its module."""
    named: Any = o if callable(o) and hasattr(o, "__qualname__") else type(o)
    return f"{named.__module__}.{named.__qualname__}"


def iter_namespace(ns: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    """Yield what lies in a package, by its whole name."""
    return pkgutil.iter_modules(ns.__path__, f"{ns.__name__}.")


def get_hostname() -> str:
    """Return the name of this machine, as airflow-lite names it."""
    from airflow_lite.config import Config

    return Config.load().hostname


def getfqdn(name: str = "") -> str:
    """Return the whole name of a machine."""
    import socket

    return socket.getfqdn(name)


def get_host_ip_address() -> str:
    """Return the address of this machine."""
    import socket

    return socket.gethostbyname(getfqdn())


def getuser() -> str:
    """Return the name of the user whose process this is."""
    import getpass

    return getpass.getuser()


def is_tty() -> bool:
    """Return whether the output is a terminal."""
    return sys.stdout.isatty()


def mkdirs(path: str | os.PathLike[str], mode: int) -> None:
    """Make a folder and those above it."""
    os.makedirs(path, mode=mode, exist_ok=True)


def md5(*args: Any, **kwargs: Any) -> Any:
    """Return an MD5 hash, which is no secret's."""
    import hashlib

    return hashlib.md5(*args, usedforsecurity=False, **kwargs)

"""What plugins do in a process before it imports its first DAG file, such as offer more modules."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from airflow_lite.errors import AirflowDagException
from airflow_lite.imports import import_string


class AuthoringHook(NamedTuple):
    """A function without arguments, as `module:function`, and the plugin that it is of."""

    value: str
    owner: str


def call_hooks(hooks: Iterable[Sequence[str]]) -> None:
    """Call these functions, each once in a process; raise `AirflowDagException` if one raises."""
    for hook in hooks:
        _call(AuthoringHook(*hook))


def is_of_hook(filename: str) -> bool:
    """Return whether a file is of a package whose function was called here: no author's own."""
    return filename.startswith(tuple(_folders()))


@cache
def _folders() -> set[str]:
    """Return the folders of the packages whose functions were called in this process."""
    return set()


@cache
def _call(hook: AuthoringHook) -> None:
    try:
        function = import_string(hook.value)
        top = sys.modules[hook.value.partition(":")[0].partition(".")[0]]
        _folders().update(os.path.join(place, "") for place in getattr(top, "__path__", ()))
        function()
    except (Exception, SystemExit) as error:
        raise AirflowDagException(
            f"Plugin {hook.owner} fails before the file is imported, in {hook.value!r}:"
            f" {type(error).__name__}: {error}"
        ) from error

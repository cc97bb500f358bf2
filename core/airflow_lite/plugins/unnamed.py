"""An executor given by module path, seen as a plugin, so that it is probed as one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_lite.plugins.model import Entry, Plugin
from airflow_lite.plugins.search import spec_of

if TYPE_CHECKING:
    from airflow_lite.plugins.naming import Located


#: What is part of the core is imported without a probe.
_CORE_PACKAGE = __name__.partition(".")[0]


def unnamed_plugin(located: Located) -> Plugin | None:
    """Return a plugin that has this executor alone; None for the core's, or if it is not there.

    Its location names nothing: beside it is the module, whose changes so are seen.
    """
    module, _, name = located.path.rpartition(".")
    top = module.partition(".")[0]
    if not top or top == _CORE_PACKAGE or ":" in located.path:
        return None
    folder = _folder(top)
    if folder is None:
        return None
    entry = Entry(located.name, f"{module}:{name}")
    return Plugin(f"by-path-{located.path}", "", executors=(entry,), location=folder)


def _folder(top: str) -> str | None:
    """Return a path beside a top-level module, which is not imported for it; None without one."""
    spec = spec_of(top)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    origin = places[0] if places else spec.origin or top
    return os.path.join(os.path.dirname(os.path.abspath(origin)), f"{top}.by-path")

"""The check that a class is an executor's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor


#: What an author must write.
MANDATORY = ("sync", "execute_async")


def check_class(candidate: Any, title: str) -> type[BaseExecutor]:
    """Return `candidate` if it is an executor's class; raise `ConfigError`, naming `title`."""
    from airflow_lite.api.executor.base import BaseExecutor

    if not inspect.isclass(candidate) or not issubclass(candidate, BaseExecutor):
        raise ConfigError(
            f"{title} is not a subclass of airflow_lite.executors.BaseExecutor. "
            "Name an executor's class."
        )
    missing = [
        name for name in MANDATORY if getattr(candidate, name) is getattr(BaseExecutor, name)
    ]
    if missing:
        raise ConfigError(
            f"{title} does not define {' and '.join(missing)}. "
            "Every executor must: tell its author."
        )
    return candidate

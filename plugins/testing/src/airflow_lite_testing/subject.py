"""The executor under test: its class, how it is made, and where it can be imported from."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.imports import import_string

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import ConfigOption
    from airflow_lite_testing.engine import Engine


@dataclass(frozen=True)
class Subject:
    """An executor as its author named it; `is_named` where that is an entry point's name.

    `path` is `module:Class`, or None if no module holds the class; `options` are those that the
    plugin which holds it declares.
    """

    name: str
    type: type[BaseExecutor]
    make: Callable[[], BaseExecutor]
    path: str | None
    engine: Engine | None = None
    is_named: bool = False
    options: tuple[ConfigOption, ...] = ()

    def __str__(self) -> str:
        return self.name


def subject_of(executor: Any, engine: Engine | None = None) -> Subject:
    """Return the subject that an author named: by entry point, module path, class or factory.

    A factory takes no arguments and returns an executor that is not started. Raises `TypeError`,
    or `UserError` where a name leads nowhere.
    """
    if isinstance(executor, staticmethod):
        executor = executor.__func__
    name = executor if isinstance(executor, str) else getattr(executor, "__name__", repr(executor))
    target = _imported(executor) if isinstance(executor, str) else executor
    if inspect.isclass(target):
        executor_type, path = _checked_class(target), _path(target)
    elif callable(target):
        executor_type, path = _checked_class(type(target())), None
    else:
        raise TypeError(f"executor is {executor!r}. Make it a name, a class or a factory.")
    is_named = isinstance(executor, str) and executor.isidentifier()
    return Subject(name, executor_type, target, path, engine, is_named, _options(name, path))


def _imported(name: str) -> Any:
    if "." in name or ":" in name:
        return import_string(name)
    from airflow_lite.config import Config
    from airflow_lite.plugins.executors import executor_class

    return executor_class(name, Config.load())


def _options(name: str, path: str | None) -> tuple[ConfigOption, ...]:
    """Return the options of the installed plugin that holds the executor, if one does."""
    from airflow_lite.config import Config
    from airflow_lite.plugins.discovery.index import installed_plugins
    from airflow_lite.plugins.loading import add_options

    config = Config.load()
    for plugin in installed_plugins(config):
        if any(entry.name == name or entry.value == path for entry in plugin.executors):
            add_options(plugin, config)
            return config.plugin_options
    return ()


def _checked_class(executor_type: type) -> type[BaseExecutor]:
    if not issubclass(executor_type, BaseExecutor):
        raise TypeError(
            f"{executor_type.__qualname__} is not a subclass of "
            "airflow_lite.executors.BaseExecutor."
        )
    return executor_type


def _path(executor_type: type) -> str | None:
    path = f"{executor_type.__module__}:{executor_type.__qualname__}"
    try:
        return path if import_string(path) is executor_type else None
    except Exception:
        return None  # made in a function, or in a test file that is no module

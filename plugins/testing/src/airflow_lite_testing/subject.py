"""The executor under test: its class, how it is made, and where it can be imported from."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.imports import import_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_lite.config import ConfigOption
    from airflow_lite_testing.engine import Engine


@dataclass(frozen=True)
class Subject:
    """An executor as its author named it; `is_named` where that is an entry point's name.

    `path` is `module:Class`, or None if no module holds the class; `options` are those that the
    plugin which holds it declares, `modules` those that speak for that plugin's commands in place
    of the class.
    """

    name: str
    type: type[BaseExecutor]
    make: Callable[[], BaseExecutor]
    path: str | None
    engine: Engine | None = None
    is_named: bool = False
    options: tuple[ConfigOption, ...] = ()
    modules: tuple[str, ...] = ()

    def groups(self) -> list[Any]:
        """Return the groups of commands, from the plugin's modules or else from the class."""
        if not self.modules:
            return list(self.type.get_cli_commands())
        return [group for module in self.modules for group in _given_by(module)]

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
    options, modules = _of_plugin(name if is_named else (path or name).replace(":", "."))
    return Subject(name, executor_type, target, path, engine, is_named, options, modules)


def _given_by(module: str) -> Iterator[Any]:
    """Yield what a plugin's module gives by the hook for commands."""
    from airflow_lite.imports import import_module_named
    from airflow_lite.plugins.registry import Registry

    registry = Registry()
    registry.register(import_module_named(module), module)
    for answer in registry.call("get_cli_commands"):
        yield from answer.value or ()


def _imported(name: str) -> Any:
    if "." in name or ":" in name:
        return import_string(name)
    from airflow_lite.config import Config
    from airflow_lite.plugins.executors import executor_class

    return executor_class(name, Config.load())


def _of_plugin(executor: str) -> tuple[tuple[ConfigOption, ...], tuple[str, ...]]:
    """Return the options that an executor has of plugins, and the modules of its own one."""
    from airflow_lite.config import Config
    from airflow_lite.plugins.discovery.index import installed_plugins
    from airflow_lite.plugins.discovery.owners import is_meant
    from airflow_lite.plugins.loading import add_options_of_executor

    config = Config.load(overrides={("core", "executor"): executor})
    add_options_of_executor(config)
    own = (
        plugin
        for plugin in installed_plugins(config)
        if plugin.is_ready and any(is_meant(entry, executor) for entry in plugin.executors)
    )
    modules = tuple(entry.value for plugin in own for entry in plugin.groups)
    return config.plugin_options, modules


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

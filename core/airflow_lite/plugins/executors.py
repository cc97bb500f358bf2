"""From `[core] executor` to an executor object: by entry-point name, or by module path."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.check import check_class
from airflow_lite.errors import AirflowDagException, ConfigError, UserError
from airflow_lite.imports import import_string
from airflow_lite.plugins.discovery.known_packages import CORE_EXECUTORS
from airflow_lite.plugins.discovery.locate import configured_name, locate
from airflow_lite.plugins.probing.quarantine import checked_executor, insist

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.config import Config
    from airflow_lite.plugins.discovery.locate import Located


def executor_class(name_or_path: str, config: Config) -> type[BaseExecutor]:
    """Import and return the class of an executor, a plugin's only once a child process could.

    Raises what `locate` raises, `PluginError` for a plugin that is quarantined, and `ConfigError`
    where the class cannot be imported, or is none of an executor.
    """
    located = locate(name_or_path, config)
    checked_executor(located, config)
    return imported(located, config)


def executor_flag(name_or_path: str, flag: str, config: Config) -> bool:
    """Return a flag of an executor, such as "is_production".

    It is known from the executor's probe, so that its code is not imported for it.
    Raises as `executor_class` does.
    """
    located = locate(name_or_path, config)
    for verdict in checked_executor(located, config):
        if flag in verdict.flags:
            return bool(verdict.flags[flag])
    return bool(getattr(imported(located, config), flag))


def executor_names(config: Config) -> tuple[str, ...]:
    """Return what a task may ask for as its `executor`: the configured one, and its halves.

    Empty where the configured one is not there: then nobody can tell.
    """
    try:
        located = locate(configured_name(config), config)
        verdicts = checked_executor(located, config)
    except UserError:
        return ()
    halves = [name for verdict in verdicts for name in verdict.halves]
    return (*halves, located.name.rpartition(".")[2])


def imported(located: Located, config: Config) -> type[BaseExecutor]:
    """Import and return the class that is located there; raise as `executor_class` does."""
    try:
        with redirect_stdout(sys.stderr):  # what a module prints is not a command's output
            value = import_executor(located, config)
    except (UserError, AirflowDagException, ImportError) as error:
        raise ConfigError(f"Executor {located.title} cannot be loaded. {error}") from error
    return check_class(value, f"Executor {located.title}")


def import_executor(located: Located, config: Config) -> Any:
    """Import what is located there; where no plugin brought it, it may be one of Airflow's."""
    if located.plugin is None and located.name not in CORE_EXECUTORS:
        from airflow_lite.plugins.authoring import import_written_for_airflow

        return import_written_for_airflow(located.path, config)
    return import_string(located.path)


def load_executor(config: Config) -> BaseExecutor:
    """Make the configured executor, with its plugin's options known to `config`; not started.

    Raises what `executor_class` raises, and `ConfigError` where it cannot be made or may not
    take as many attempts as configured.
    """
    insist(config)
    located = locate(configured_name(config), config)
    verdicts = checked_executor(located, config)
    if located.path.partition(".")[0] != "airflow_lite":
        from airflow_lite.plugins.loading import add_options, add_options_of_executor

        if located.plugin is not None:
            add_options(located.plugin, config, verdicts)
        add_options_of_executor(config, besides=located.plugin)
    executor = _new_executor(imported(located, config), located)
    executor.name = located.name.rpartition(".")[2]
    executor.configure(config)
    return executor


def _new_executor(executor_type: type[BaseExecutor], located: Located) -> BaseExecutor:
    try:
        executor = executor_type()
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"Executor {located.title} cannot be created: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(executor, "event_buffer"):
        raise ConfigError(
            f"Executor {located.title} does not call super().__init__(). Tell its author."
        )
    return executor

"""The finder of `airflow` and the modules below it: it answers from the table.

It stands first on `sys.meta_path`: behind the others it would lose to the folder that any
provider of Airflow makes in site-packages, which Python takes for a package.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite_airflow_names.table import Name

ROOT = "airflow"
#: Folders of providers that are none themselves, but hold some.
_NESTED = {"alibaba", "apache", "atlassian", "cncf", "common", "dbt", "microsoft"}
_WITH_CONNECTIONS = {f"{ROOT}.hooks", f"{ROOT}.models", f"{ROOT}.providers", f"{ROOT}.sdk"}
#: A child of ours, so that a probe hears what is said here.
logger = logging.getLogger("airflow_lite.airflow_names")


class AirflowNamesWarning(UserWarning):
    """A name of Airflow's is offered, but does not do all that it does there."""


class RefusedNameError(ImportError):
    """A name of Airflow's that is not offered, with what to write instead.

    `asked` is the name with its module.
    """

    def __init__(self, text: str, asked: str = "") -> None:
        super().__init__(text)
        self.asked = asked


def install() -> None:
    """Answer imports of `airflow` from now on, unless Apache Airflow itself is installed."""
    if is_installed():
        return
    folder = real_airflow()
    if folder is not None:
        logger.addHandler(logging.NullHandler())  # nobody but a probe listens: it is told once
        logger.warning(
            "Apache Airflow itself is installed here (%s): its own modules are used, and the DAGs"
            " that they make do not load. Use an environment without it.",
            folder,
        )
        return
    sys.meta_path.insert(0, AirflowFinder())


def is_installed() -> bool:
    """Return whether imports of `airflow` are answered here."""
    return any(isinstance(finder, AirflowFinder) for finder in sys.meta_path)


def real_airflow() -> str | None:
    """Return the folder of Apache Airflow's own package, if it is on `sys.path`."""
    folders = (os.path.join(entry or os.curdir, ROOT) for entry in sys.path)
    return next((folder for folder in folders if _is_airflow(folder)), None)


def _is_airflow(folder: str) -> bool:
    """Providers alone have neither of these files."""
    names = ("__init__.py", "version.py")
    return all(os.path.isfile(os.path.join(folder, name)) for name in names)


class AirflowFinder(MetaPathFinder, Loader):
    """Finds and makes the modules that are in the table."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the table; None leaves the name to the other finders."""
        if name.partition(".")[0] != ROOT or not _has_module(name):
            return None
        spec = ModuleSpec(name, self, is_package=True)
        spec.submodule_search_locations = _folders(name)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the module, without any name in it."""
        return AirflowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give the package its version; all other names come when they are asked for.

        Where connections may be at hand, they get their hooks from here.
        """
        if module.__name__ == ROOT:
            from airflow_lite_airflow_names.offered.version import version

            vars(module)["__version__"] = version
        elif module.__name__ in _WITH_CONNECTIONS:
            from airflow_lite.authoring.connection import Connection

            Connection.make_hook = _make_hook


def _make_hook(connection: Any, hook_params: dict[str, Any] | None) -> Any:
    from airflow_lite_airflow_names.offered.hooks import hook_of

    return hook_of(connection, hook_params)


class AirflowModule(ModuleType):
    """A module of Airflow's: each name is fetched when it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from airflow_lite_airflow_names.table import name_in, names_of, rest_of

        if name == "__all__":
            return sorted(one.name for one in names_of(self.__name__).values() if one.home)
        row = name_in(self.__name__, name)
        if row is None and _has_module(f"{self.__name__}.{name}"):
            return import_module(f"{self.__name__}.{name}")
        row = row or rest_of(self.__name__, name)
        if row is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = _value(self.__name__, row)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})


def _value(module: str, row: Name) -> Any:
    if row.is_refused:
        asked = f"{module}.{row.name}"
        raise RefusedNameError(f"{asked} is not offered: {row.text}", asked)
    if row.text:
        warnings.warn(f"{module}.{row.name}: {row.text}", AirflowNamesWarning, stacklevel=3)
    try:
        value = import_module(row.home)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(f"{ROOT}.providers."):
            raise
        raise RefusedNameError(f"{module}.{row.name}: {missing_provider(row.home)}") from None
    return getattr(value, row.attribute) if row.attribute else value


def missing_provider(module: str) -> str:
    """Say of a provider's module that it is not there, and how one that has it is installed."""
    from importlib import metadata

    parts = module.split(".")[2:]
    name = parts[0]
    if name in _NESTED and len(parts) > 1:
        name = "-".join(parts[:2])
    run = "`airflow-lite airflow-names install-provider"
    distribution = f"apache-airflow-providers-{name}"
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return f"{module} is not installed. Run {run} {name}`."
    return (
        f"{module} is not in {distribution} {version}. An older one may have it: run"
        f" {run} '{name}<{version.partition('.')[0]}'`."
    )


@cache
def _has_module(name: str) -> bool:
    from airflow_lite_airflow_names.table import has_module

    return has_module(name)


def _folders(name: str) -> list[str]:
    """Return where more modules of a package are: only providers are on disk."""
    if name != f"{ROOT}.providers" and not name.startswith(f"{ROOT}.providers."):
        return []
    parts = name.split(".")
    folders = [os.path.join(entry or os.curdir, *parts) for entry in sys.path]
    return [folder for folder in folders if os.path.isdir(folder)]

"""Imports by string, and names that are imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from airflow_lite.errors import UserError

_CHECK_PATH = "Check the path, and that its package is installed."
#: What to do about code that was written for Airflow and imports it.
OF_AIRFLOW = (
    "It was written for Airflow: have it import from airflow_lite, as the page 'Move an executor "
    "from Airflow' of the documentation says."
)


class ModuleMissingError(UserError):
    """There is no such module. Check the path, and that its package is installed."""


class ImportFailedError(UserError):
    """A module was found, but importing it failed. Mend it, or what it needs."""


class AttributeMissingError(UserError):
    """A module was found, but it has no such name. Check the spelling."""


def is_airflows(module: str) -> bool:
    """Return whether a module is one of Airflow's own, which nobody needs to install here."""
    return module.partition(".")[0] == "airflow"


def import_string(path: str) -> Any:
    """Import `package.module.name` or `package.module:name`; a path without either is a module.

    Raises `ModuleMissingError`, `ImportFailedError` (with the module's own error as cause) or
    `AttributeMissingError`.
    """
    if not all(part.isidentifier() for part in path.replace(":", ".", 1).split(".")):
        raise ModuleMissingError(f"{path!r} is not a module path. Write package.module.Name.")
    separator = ":" if ":" in path else "."
    module_path, _, name = path.rpartition(separator)
    if not module_path:
        return _module(path)
    module = _module(module_path)
    try:
        return getattr(module, name)
    except AttributeError:
        raise AttributeMissingError(
            f"Module {module_path!r} has no {name!r}. Check the spelling."
        ) from None


def import_module_named(path: str) -> Any:
    """Import the module `path`; raise `ModuleMissingError` or `ImportFailedError`."""
    if not all(part.isidentifier() for part in path.split(".")):
        raise ModuleMissingError(f"{path!r} is not a module path. Write package.module.")
    return _module(path)


def _module(path: str) -> Any:
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name is not None and (path == error.name or path.startswith(f"{error.name}.")):
            advice = OF_AIRFLOW if is_airflows(error.name) else _CHECK_PATH
            raise ModuleMissingError(f"There is no module {error.name!r}. {advice}") from None
        advice = OF_AIRFLOW if is_airflows(str(error.name)) else "Install it."
        raise ImportFailedError(
            f"Module {path!r} needs {error.name!r}, which is not installed. {advice}"
        ) from error
    except (Exception, SystemExit) as error:
        raise ImportFailedError(
            f"Importing {path!r} failed with {type(error).__name__}: {error}. Mend the module."
        ) from error


def lazily(
    package: str, homes: Mapping[str, tuple[str, ...]], root: str = "airflow_lite"
) -> Callable[[str], Any]:
    """Return a package's `__getattr__`; `homes` has the names by their module below `root`."""
    modules = {name: f"{root}.{module}" for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return get

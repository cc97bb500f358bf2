"""Imports by string, and names that are imported when they are first asked for."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from airflow_lite.errors import UserError

_CHECK_PATH = "Check the path, and that its package is installed."
#: What to do about code that was written for Airflow and imports it.
OF_AIRFLOW = (
    "It was written for Airflow: have it import from airflow_lite, as the page 'Move an executor "
    "from Airflow' of the documentation says."
)
#: The same where Airflow's names are answered, but for the one that it asks for.
_OF_2 = "Install a version of it for Airflow 2.10, whose names are offered here."
NEWER_AIRFLOW = f"It was written for a newer Airflow. {_OF_2}"
OLDER_AIRFLOW = f"It was written for an older Airflow. {_OF_2}"
ANOTHER_AIRFLOW = f"It was written for another Airflow, or uses more of it. {_OF_2}"
OF_A_PROVIDER = (
    "It is in one of Airflow's providers, or in another version of one: install that with "
    "`airflow-lite airflow-names install-provider NAME`."
)
#: Begin modules that only Airflow 3 has, and only Airflow 1.
_NEWER = ("airflow.sdk", "airflow.executors.workloads", "airflow.api_fastapi", "airflow._shared")
_OLDER = ("airflow.contrib",)
#: How a provider says so of itself.
_REFUSAL = re.compile(r"needs Apache Airflow \d")


class ModuleMissingError(UserError):
    """There is no such module. Check the path, and that its package is installed."""


class ImportFailedError(UserError):
    """A module was found, but importing it failed. Mend it, or what it needs."""


class AttributeMissingError(UserError):
    """A module was found, but it has no such name. Check the spelling."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage while much is imported, which makes none: that takes a fifth of the time.

    What is there at the end stays, and is not searched later either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def is_airflows(module: str) -> bool:
    """Return whether a module is one of Airflow's own, which nobody needs to install here."""
    return module.partition(".")[0] == "airflow"


def missing_of_airflow(error: BaseException) -> str:
    """Return the module or name of Airflow's that an import did not find, where others are there.

    Empty for any other error, where nothing answers to `airflow` at all, and for a name that is
    refused with what to write instead, unless another Airflow has it.
    """
    asked = str(getattr(error, "asked", ""))
    if asked.startswith((*_NEWER, *_OLDER)):
        return asked
    module = getattr(error, "name", None) if isinstance(error, ImportError) else None
    offered = vars(sys.modules.get("airflow", object)).get("__version__")
    if not module or not offered or not is_airflows(module):
        return ""
    match = re.match(r"cannot import name '(\w+)'", str(error))
    return f"{module}.{match[1]}" if match else str(module)


def airflow_advice(missing: str) -> str:
    """Say what to do about code that asks Airflow for this module or name."""
    if missing.partition(".")[2] == "":
        return OF_AIRFLOW
    if missing.startswith("airflow.providers."):
        return OF_A_PROVIDER
    if missing.startswith(_NEWER):
        return NEWER_AIRFLOW
    return OLDER_AIRFLOW if missing.startswith(_OLDER) else ANOTHER_AIRFLOW


def refuses_airflow(text: str) -> bool:
    """Return whether an error is that of a provider which wants another version of Airflow."""
    return _REFUSAL.search(text) is not None


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
            is_lost = is_airflows(error.name) and not missing_of_airflow(error)
            advice = OF_AIRFLOW if is_lost else _CHECK_PATH
            raise ModuleMissingError(f"There is no module {error.name!r}. {advice}") from None
        raise _failure(path, error) from error
    except (Exception, SystemExit) as error:
        raise _failure(path, error) from error


def _failure(path: str, error: BaseException) -> ImportFailedError:
    """Return what to say of a module whose import raised."""
    missing = missing_of_airflow(error)
    if missing:
        return ImportFailedError(
            f"Module {path!r} needs {missing!r}, which is not there. {airflow_advice(missing)}"
        )
    if isinstance(error, ModuleNotFoundError):
        advice = OF_AIRFLOW if is_airflows(str(error.name)) else "Install it."
        return ImportFailedError(
            f"Module {path!r} needs {error.name!r}, which is not installed. {advice}"
        )
    text = str(error).removesuffix(".")
    advice = NEWER_AIRFLOW if refuses_airflow(text) else "Mend the module."
    return ImportFailedError(
        f"Importing {path!r} failed with {type(error).__name__}: {text}. {advice}"
    )


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

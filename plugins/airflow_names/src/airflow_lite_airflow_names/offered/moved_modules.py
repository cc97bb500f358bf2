"""`airflow.utils.deprecation_tools`: by it providers answer to the older names of their classes."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_deprecated_classes(
    module_imports: Mapping[str, Mapping[str, str]],
    package: str,
    override_deprecated_classes: Mapping[str, Mapping[str, str]] | None = None,
    extra_message: str | None = None,
) -> None:
    """Have modules of `package` answer to names of classes that are elsewhere now.

    `module_imports` maps a module's name below the package, or `__init__` for the package itself,
    to its old names and the whole paths that they stand for.
    """
    for name, homes in module_imports.items():
        shown = dict(homes) | dict((override_deprecated_classes or {}).get(name, {}))
        if name == "__init__":
            module, where = sys.modules[package], package
        else:
            where = f"{package}.{name}"
            module = sys.modules[where] = ModuleType(where)
            setattr(sys.modules[package], name, module)
        answer = partial(_answer, where, dict(homes), shown, extra_message)
        module.__getattr__ = answer  # type: ignore[method-assign]


def _answer(
    module: str, homes: dict[str, str], shown: dict[str, str], extra: str | None, name: str
) -> Any:
    if name not in homes:
        raise AttributeError(f"The module {module!r} has no attribute {name!r}")
    advice = f" {extra}." if extra else ""
    warnings.warn(
        f"{module}.{name} is deprecated. Use {shown[name]}.{advice}",
        DeprecationWarning,
        stacklevel=2,
    )
    home, _, attribute = homes[name].rpartition(".")
    return getattr(import_module(home), attribute)

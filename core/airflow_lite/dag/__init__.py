"""What an author writes: DAG, operators, sensors, decorators; rendering, loading, serialising.

The package is callable, as the decorator `@dag`: `from airflow_lite import dag` yields this
package (a submodule's name belongs to its parent), and must work as the decorator too.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.dag.dag import DAG

__all__ = ["DAG"]


class _DecoratorPackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decorate a function that makes a DAG: see `airflow_lite.dag.dag_decorator.dag`."""
        from airflow_lite.dag.dag_decorator import dag

        return dag(*args, **kwargs)


sys.modules[__name__].__class__ = _DecoratorPackage
__getattr__ = lazily(__name__, {"dag.dag": ("DAG",)})

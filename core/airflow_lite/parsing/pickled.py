"""A DAG as bytes that carry its code. They are read only in processes that run user code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowDagException

if TYPE_CHECKING:
    from airflow_lite.authoring.dag import DAG

INSTALL = "Install it: pip install 'airflow-lite[pickle]'"


def is_installed() -> bool:
    """Return whether DAGs can be pickled here, without importing cloudpickle."""
    from importlib.util import find_spec

    return find_spec("cloudpickle") is not None


@cache
def layout() -> str:
    """Return a digest of where the classes of authoring lie: pickles name them by module."""
    import airflow_lite

    package = Path(airflow_lite.__file__).parent
    modules = sorted(
        path.relative_to(package).as_posix() for path in package.glob("authoring/**/*.py")
    )
    return sha256("\n".join(modules).encode()).hexdigest()[:8]


def dump(dag: DAG, path: str, folder: str, most_bytes: int) -> bytes:
    """Pickle a DAG with the code of the file that made it and of the modules below `folder`.

    Modules from elsewhere are only named, and must be installed where the pickle is read. Raises
    `AirflowDagException` with one line that says why the DAG cannot be pickled.
    """
    with ExitStack() as stack:
        cloudpickle = _cloudpickle()
        for module in _shipped(path, folder):
            cloudpickle.register_pickle_by_value(module)
            stack.callback(cloudpickle.unregister_pickle_by_value, module)
        try:
            payload: bytes = cloudpickle.dumps(dag)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise AirflowDagException(f"{type(error).__name__}: {reason}") from error
    if len(payload) > most_bytes:
        raise AirflowDagException(
            f"its pickle has {len(payload)} bytes; [core] max_dag_pickle_size is {most_bytes}"
        )
    return payload


def load(payload: bytes) -> DAG:
    """Return the DAG of a pickle whose signature was checked: this runs code of the pickle."""
    import pickle

    from airflow_lite.authoring.dag import DAG

    _cloudpickle()  # its error says what to install; that of pickle.loads would not
    dag = pickle.loads(payload)  # noqa: S301 - the host checked its signature
    if not isinstance(dag, DAG):
        raise AirflowDagException(f"The pickle holds a {type(dag).__name__}, not a DAG.")
    return dag


def _cloudpickle() -> Any:
    try:
        import cloudpickle
    except ModuleNotFoundError:
        raise AirflowDagException(f"cloudpickle is not installed here. {INSTALL}") from None
    return cloudpickle


def _shipped(path: str, folder: str) -> Iterator[ModuleType]:
    """Yield the modules whose code travels along: the DAG file's, and those of the DAG folder."""
    root = os.path.join(os.path.realpath(folder), "") if folder else None
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or getattr(module, "__name__", None) != name:
            continue
        real = os.path.realpath(file)
        is_below = root is not None and real.startswith(root) and "site-packages" not in real
        if file == path or (is_below and name.partition(".")[0] != "airflow_lite"):
            yield module

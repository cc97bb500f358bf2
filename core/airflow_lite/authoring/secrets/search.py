"""In which order Variables and Connections are looked for, as in Airflow.

First the backend of `[secrets] backend`, then the environment, then the store. Code of authors has
no connection to the store: whatever runs it says by `using` whom to ask.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from airflow_lite.authoring.secrets.base import EnvironmentVariablesBackend
from airflow_lite.errors import AirflowException
from airflow_lite.task_logger import task_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_lite.authoring.connection import Connection


class SecretsStore(Protocol):
    """The Variables and Connections of the store."""

    def get_variable(self, key: str) -> str | None:
        """Return a Variable's value."""

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Make a Variable, or change it and its description."""

    def update_variable(self, key: str, value: str) -> bool:
        """Change a Variable's value; False if the store has none of this key."""

    def delete_variable(self, key: str) -> int:
        """Delete a Variable; return how many there were."""

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """Return what `Connection` takes to make one."""


class Search:
    """The places that one process looks in."""

    def __init__(self) -> None:
        self.store: SecretsStore | None = None
        self._backend: Any = None
        self._loaded_by = 0
        self._environment = EnvironmentVariablesBackend()

    def variable(self, key: str) -> str | None:
        """Return a Variable's value; None if no place has it."""
        value = self.outside_of_store(key)[1]
        if value is None and self.store is not None:
            value = self.store.get_variable(key)
        return value

    def outside_of_store(self, key: str) -> tuple[str, str | None]:
        """Return the value that stands before the store's, and the backend's name; or None."""
        for backend in self._backends():
            value: str | None = _asked(backend, "variable", backend.get_variable, key)
            if value is not None:
                return type(backend).__name__, value
        return "", None

    def connection(self, conn_id: str) -> Connection | None:
        """Return a connection; None if no place has it."""
        from airflow_lite.authoring.connection import Connection

        for backend in self._backends():
            found: Connection | None = _asked(
                backend, "connection", backend.get_connection, conn_id
            )
            if found is not None:
                return found
        fields = None if self.store is None else self.store.get_connection(conn_id)
        return None if fields is None else Connection(**fields)

    def _backends(self) -> list[Any]:
        if self._loaded_by != os.getpid():  # what a backend has open is not for a forked process
            self._backend = _configured()
            self._loaded_by = os.getpid()
        return [self._environment] if self._backend is None else [self._backend, self._environment]


def _asked(backend: Any, what: str, ask: Callable[[str], Any], name: str) -> Any:
    """Ask a backend; what fails in one that is not ours is told, and the next is asked."""
    if isinstance(backend, EnvironmentVariablesBackend):
        return ask(name)
    try:
        return ask(name)
    except Exception:
        task_logger().exception(
            "Unable to retrieve %s %r from secrets backend (%s). Checking subsequent secrets"
            " backend.",
            what,
            name,
            type(backend).__name__,
        )
        return None


def _configured() -> Any:
    """Return the backend of the configuration, None if there is none."""
    from airflow_lite.config import Config
    from airflow_lite.errors import UserError
    from airflow_lite.imports import import_string

    config = Config.load()
    path = _located(config.get("secrets", "backend").strip())
    if not path:
        return None
    try:
        return import_string(path)(**_arguments(config.get("secrets", "backend_kwargs")))
    except UserError as error:
        raise AirflowException(f"[secrets] backend cannot be used: {error}") from error
    except Exception as error:
        raise AirflowException(
            f"[secrets] backend {path} cannot be made: {type(error).__name__}: {error}."
            " Check [secrets] backend_kwargs."
        ) from error


@cache
def _located(name: str) -> str:
    """Return where the class of a name is, looked up once for this process and its forks."""
    from airflow_lite.authoring.secrets.named import path_of
    from airflow_lite.config import Config

    return path_of(name, Config.load()) if name else ""


def locate_backend() -> None:
    """Look up the configured backend before a fork; who asks it is told what is wrong with it."""
    from airflow_lite.config import Config
    from airflow_lite.errors import UserError

    with suppress(UserError):
        _located(Config.load().get("secrets", "backend").strip())


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        arguments = None
    if isinstance(arguments, dict):
        return arguments
    task_logger().warning("[secrets] backend_kwargs is no JSON object. It is taken for empty.")
    return {}


@cache
def search() -> Search:
    """Return what this process looks in: one, since authors' functions are called without it."""
    return Search()


@contextmanager
def using(store: SecretsStore) -> Iterator[None]:
    """Look in this store, too, for as long as this lasts."""
    before, search().store = search().store, store
    try:
        yield
    finally:
        search().store = before

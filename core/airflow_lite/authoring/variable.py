"""Variables: named texts of an installation."""

from __future__ import annotations

import json
from typing import Any

from airflow_lite.authoring.secrets.base import VARIABLE_PREFIX
from airflow_lite.authoring.secrets.search import SecretsStore, search
from airflow_lite.errors import AirflowException
from airflow_lite.secrets_masker import mask_secret
from airflow_lite.task_logger import task_logger

_NOTHING: Any = object()


class Variable:
    """A named text of this installation, from the places that `[secrets]` and Airflow's order say.

    Names, arguments and what is returned are those of Airflow 2.10.
    """

    @staticmethod
    def get(
        key: str,
        default_var: Any = _NOTHING,
        deserialize_json: bool = False,
    ) -> Any:
        """Return the Variable, read as JSON if asked; raise KeyError if there is no default.

        A text that is not JSON raises `json.JSONDecodeError`.
        """
        text = search().variable(key)
        if text is None:
            if default_var is _NOTHING:
                raise KeyError(
                    f"Variable {key} does not exist. Make it with `airflow-lite variables set`, or"
                    f" set {VARIABLE_PREFIX}{key.upper()}."
                )
            return default_var
        value = _json_value(key, text) if deserialize_json else text
        mask_secret(value, key)
        return value

    @staticmethod
    def set(
        key: str, value: Any, description: str | None = None, serialize_json: bool = False
    ) -> None:
        """Make a Variable of the store, or change it: as text, or as JSON."""
        _warn_of_conflict(key)
        _store(key).set_variable(key, _text(value, serialize_json), description)

    @staticmethod
    def update(key: str, value: Any, serialize_json: bool = False) -> None:
        """Change a Variable of the store, not its description.

        Raises KeyError if there is none, AttributeError if another place has it alone.
        """
        _warn_of_conflict(key)
        if _store(key).update_variable(key, _text(value, serialize_json)):
            return
        if search().variable(key) is None:
            raise KeyError(f"Variable {key} does not exist")
        raise AttributeError(
            f"Variable {key} does not exist in the Database and cannot be updated."
        )

    @staticmethod
    def setdefault(
        key: str, default: Any, description: str | None = None, deserialize_json: bool = False
    ) -> Any:
        """Return the Variable; if there is none, make it one of the store and return `default`."""
        value = Variable.get(key, default_var=None, deserialize_json=deserialize_json)
        if value is not None:
            return value
        if default is None:
            raise ValueError("Default Value must be set")
        Variable.set(key, default, description, serialize_json=deserialize_json)
        return default

    @staticmethod
    def delete(key: str) -> int:
        """Delete a Variable of the store; return how many there were: 1 or 0."""
        return _store(key).delete_variable(key)


def _store(key: str) -> SecretsStore:
    store = search().store
    if store is None:
        raise AirflowException(
            f"Variable {key} cannot be changed here: only tasks and commands reach the metadata"
            " database."
        )
    return store


def _warn_of_conflict(key: str) -> None:
    """Say, in Airflow's words, that what is written will not be read."""
    backend, value = search().outside_of_store(key)
    if value is not None:
        task_logger().warning(
            "The variable %s is defined in the %s secrets backend, which takes precedence over"
            " reading from the database. The value in the database will be updated, but to read it"
            " you have to delete the conflicting variable from %s",
            key,
            backend,
            backend,
        )


def _text(value: Any, serialize_json: bool) -> str:
    return json.dumps(value, indent=2) if serialize_json else str(value)


def _json_value(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"Variable {key} is not JSON: {error.msg}"
        raise json.JSONDecodeError(reason, error.doc, error.pos) from None

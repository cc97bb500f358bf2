"""Variables: named texts that the environment holds."""

from __future__ import annotations

import json
import os
from typing import Any

from airflow_lite.errors import AirflowException
from airflow_lite.secrets_masker import mask_secret

_NOTHING: Any = object()


def _refuse(key: str, *_args: object, **_named: object) -> None:
    """Raise `AirflowException`: Variables are set in the environment alone."""
    raise AirflowException(
        f"Variable {key} cannot be changed by a DAG file or task. Set AIRFLOW_VAR_{key.upper()} in"
        " the environment of the scheduler and its workers."
    )


class Variable:
    """A named text of this installation: AIRFLOW_VAR_NAME in the environment holds it."""

    @staticmethod
    def get(
        key: str,
        default_var: Any = _NOTHING,
        deserialize_json: bool = False,
    ) -> Any:
        """Return the Variable, read as JSON if asked; raise KeyError if there is no default.

        A text that is not JSON raises `AirflowException`.
        """
        name = f"AIRFLOW_VAR_{key.upper()}"
        text = os.environ.get(name)
        if text is None:
            if default_var is _NOTHING:
                raise KeyError(f"Variable {key} does not exist. Set {name}.")
            return default_var
        value = _json_value(name, text) if deserialize_json else text
        mask_secret(value, key)
        return value

    set = delete = setdefault = update = staticmethod(_refuse)


def _json_value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise AirflowException(f"{name} is not JSON: {error}. Write its value as JSON.") from None

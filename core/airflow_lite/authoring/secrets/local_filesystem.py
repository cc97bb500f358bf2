"""Variables and Connections from files of JSON, YAML or NAME=VALUE lines, as Airflow reads them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.secrets.base import BaseSecretsBackend
from airflow_lite.errors import AirflowException

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.authoring.connection import Connection

_KEYS = frozenset(
    {
        "conn_id",
        "conn_type",
        "description",
        "host",
        "login",
        "password",
        "schema",
        "port",
        "extra",
        "extra_dejson",
        "uri",
    }
)


class LocalFilesystemBackend(BaseSecretsBackend):
    """Two files, which are read anew for each question."""

    def __init__(
        self, variables_file_path: str | None = None, connections_file_path: str | None = None
    ) -> None:
        self.variables_file = variables_file_path
        self.connections_file = connections_file_path

    def get_variable(self, key: str) -> str | None:
        """Return a Variable of the file."""
        return load_variables(self.variables_file).get(key) if self.variables_file else None

    def get_connection(self, conn_id: str) -> Connection | None:
        """Return a connection of the file."""
        if not self.connections_file:
            return None
        return load_connections_dict(self.connections_file).get(conn_id)


def load_variables(file_path: str) -> dict[str, str]:
    """Return the Variables of a file: what is no text as JSON. Raises `AirflowException`."""
    texts = {}
    for key, value in _read(file_path).items():
        values = value if isinstance(value, list) else [value]
        if len(values) != 1:
            raise AirflowException(f"{file_path} has {len(values)} values of {key!r}. Keep one.")
        texts[key] = values[0] if isinstance(values[0], str) else json.dumps(values[0])
    return texts


def load_connections_dict(file_path: str) -> dict[str, Connection]:
    """Return the connections of a file by their ids. Raises `AirflowException`."""
    connections = {}
    for conn_id, value in _read(file_path).items():
        values = value if isinstance(value, list) else [value]
        if len(values) > 1:
            raise AirflowException(f"{file_path} has {len(values)} connections {conn_id!r}.")
        for single in values:
            connections[conn_id] = _connection(conn_id, single, file_path)
    return connections


def _connection(conn_id: str, value: Any, file_path: str) -> Connection:
    from airflow_lite.authoring.connection import Connection

    if not isinstance(value, str | dict):
        raise AirflowException(f"{file_path}: {conn_id!r} is neither a text nor an object.")
    try:
        if isinstance(value, str):
            return Connection.read(conn_id, value)
        return Connection(**_fields(conn_id, value))
    except (TypeError, ValueError, AirflowException) as error:
        raise AirflowException(f"{file_path}: {conn_id!r} is no connection: {error}.") from None


def _fields(conn_id: str, value: dict[str, Any]) -> dict[str, Any]:
    fields = {**value, "conn_id": value.get("conn_id", conn_id)}
    if unknown := sorted(fields.keys() - _KEYS):
        raise ValueError(f"there is no key {', '.join(map(repr, unknown))}")
    if fields["conn_id"] != conn_id:
        raise ValueError(f"it has the conn_id {fields['conn_id']!r}")
    if "extra_dejson" in fields:
        if "extra" in fields:
            raise ValueError("extra and extra_dejson exclude each other")
        fields["extra"] = json.dumps(fields.pop("extra_dejson"))
    return fields


def _read(file_path: str) -> dict[str, Any]:
    """Return what a file holds by name; a list of values where it is made of lines."""
    ending = os.path.basename(file_path).rpartition(".")[2].lower()
    read = _READERS.get(ending)
    if read is None:
        raise AirflowException(
            f"{file_path} has an unknown format. Name it .env, .json, .yaml or .yml."
        )
    try:
        with open(file_path, encoding="utf-8") as file:
            found = read(file.read())
    except OSError as error:
        raise AirflowException(f"{file_path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise AirflowException(f"{file_path} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise AirflowException(f"{file_path} holds no object.")
    return {str(name): value for name, value in found.items()}


def _lines(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not value:
            raise ValueError(f"line {number} is not NAME=VALUE")
        found.setdefault(name, []).append(value)
    return found


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


_READERS: dict[str, Callable[[str], Any]] = {
    "env": _lines,
    "json": json.loads,
    "yaml": _yaml,
    "yml": _yaml,
}

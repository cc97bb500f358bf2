"""Secrets backends by name: ours, Airflow's, and those that installed distributions offer.

Nothing is imported but metadata: the class is imported by whoever asks it, in a process that runs
code of authors. So one that fails breaks nothing but what asks it.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from airflow_lite.config import Config

GROUP = "airflow_lite.secrets.v1"
_OURS, _AIRFLOWS = "airflow_lite.authoring.secrets.", "airflow.secrets."
_OWN = ("EnvironmentVariablesBackend", "LocalFilesystemBackend")


def path_of(name: str, config: Config) -> str:
    """Return the path of the class that goes by a name; a path is returned as it is.

    Raises `ConfigError` where no distribution offers the name, or several do.
    """
    if name.startswith(_AIRFLOWS):
        return _OURS + name.removeprefix(_AIRFLOWS)
    if name in _OWN:
        return _OURS + name
    if "." in name or ":" in name:
        return name
    offers = _offers(config)
    found = [entry for entry in offers if entry.name == name]
    if len(found) == 1:
        return found[0].value
    if found:
        owners = ", ".join(sorted(_owner(entry) for entry in found))
        raise ConfigError(
            f"[secrets] backend {name!r} is offered by several distributions: {owners}."
            " Write the path of the class."
        )
    names = ", ".join(sorted({*_OWN, *(entry.name for entry in offers)}))
    raise ConfigError(f"There is no secrets backend {name!r}. There are: {names}.")


def _offers(config: Config) -> list[EntryPoint]:
    """Return what is offered, but by distributions that the user disabled."""
    if os.environ.get("AIRFLOW_LITE_NO_PLUGINS"):
        return []
    disabled = {_normal(name) for name in config.getlist("plugins", "disabled")}
    return [entry for entry in entry_points(group=GROUP) if _normal(_owner(entry)) not in disabled]


def _owner(entry: EntryPoint) -> str:
    return "" if entry.dist is None else entry.dist.name


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")

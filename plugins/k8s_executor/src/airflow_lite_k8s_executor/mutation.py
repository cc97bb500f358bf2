"""`pod_mutation_hook`: a function of the operator's that changes every pod, as under Airflow."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import ConfigError, import_written_for_airflow
from airflow_lite.imports import AttributeMissingError, ModuleMissingError
from airflow_lite_k8s_executor.pods.spec import BadPodError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config
    from airflow_lite_k8s_executor.pods.spec import Pod

#: The one place that may be empty.
AIRFLOWS_PLACE = "airflow_local_settings.pod_mutation_hook"


def find_hook(path: str, config: Config) -> Callable[[Pod], Pod] | None:
    """Return what passes pods through the function at `path`; None where nobody wrote one.

    The function changes the model that it is given, a V1Pod of Kubernetes' client. Raises
    `ConfigError`; what is returned raises `BadPodError`.
    """
    function = _function(path, config) if path else None
    if function is None:
        return None
    try:
        from kubernetes import client
    except ImportError as error:
        raise ConfigError(
            f"{path} takes a V1Pod of Kubernetes' client, which cannot be imported ({error})."
            " Install the package `kubernetes`, or set [kubernetes] pod_mutation_hook to nothing."
        ) from error
    return partial(_mutated, function, path, client, client.ApiClient())


def _function(path: str, config: Config) -> Any:
    try:
        found = import_written_for_airflow(path, config)
    except (ModuleMissingError, AttributeMissingError) as error:
        if path == AIRFLOWS_PLACE:
            return None
        raise ConfigError(f"[kubernetes] pod_mutation_hook: {error}") from error
    except Exception as error:  # whatever importing it raised
        raise ConfigError(f"[kubernetes] pod_mutation_hook: {error}") from error
    if not callable(found):
        raise ConfigError(f"[kubernetes] pod_mutation_hook: {path} is no function. Name one.")
    return found


def _mutated(function: Any, path: str, client: Any, api: Any, pod: Pod) -> Pod:
    model = _model(client, api, pod)
    try:
        function(model)
    except (Exception, SystemExit) as error:
        raise BadPodError(f"{path} raised {type(error).__name__}: {error}.") from error
    changed: Pod = api.sanitize_for_serialization(model)
    return changed


def _model(client: Any, api: Any, pod: Pod) -> Any:
    """Return a pod as a model; clients up to 36 read what looks like an answer of a server."""
    if hasattr(client.V1Pod, "from_dict"):
        return client.V1Pod.from_dict(pod)
    return api.deserialize(SimpleNamespace(data=json.dumps(pod)), "V1Pod")

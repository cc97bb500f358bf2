"""The log of an attempt's pod: read while the pod is there, and kept before it goes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_lite_k8s_executor.client.errors import (
    ApiError,
    ApiUnreachableError,
    ClusterConfigError,
)
from airflow_lite_k8s_executor.pods.naming import BASE, pod_name

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.executors import TaskInstance, TaskInstanceKey
    from airflow_lite_k8s_executor.client.pods import Pod, PodPort

#: Last lines of a pod's log that are shown while the pod is there.
LINES = 1000
_NOT_FOUND = 404

logger = logging.getLogger(__name__)


class LogKeeper:
    """Puts what pods have printed into the log folder of this machine."""

    def __init__(self, port: PodPort, config: Config) -> None:
        self._port = port
        self._config = config

    def keep(self, key: TaskInstanceKey, pod: Pod) -> bool:
        """Keep the log of an ended pod; False if it could not be read, and may be later."""
        from airflow_lite.worker import keep_log

        try:
            data = self._read(pod).encode()
        except ApiError:
            return True  # its container never ran, or the pod is gone
        except (ApiUnreachableError, ClusterConfigError):
            return False
        try:
            keep_log(self._config, key, data)
        except OSError as error:
            logger.warning("the log of pod %s is not kept: %s", pod["metadata"]["name"], error)
        return True

    def _read(self, pod: Pod) -> str:
        """Return what the base container has printed; where it never ran, the first one's."""
        place = pod["metadata"]["namespace"], pod["metadata"]["name"]
        try:
            return self._port.log(*place, BASE)
        except ApiError:
            containers = pod["spec"].get("initContainers") or ()
            if not containers:
                raise
            return self._port.log(*place, str(containers[0]["name"]))


def task_log(config: Config, ti: TaskInstance) -> tuple[list[str], list[str]]:
    """Return messages on where the pod is, and what it has printed; never raise."""
    from airflow_lite.worker import has_log
    from airflow_lite_k8s_executor.connection import read_and_connect

    try:
        _, connection = read_and_connect(config)
    except Exception as error:  # whatever is wrong with the options or the kubeconfig
        return [str(error)], []
    namespace, _, name = (ti.external_executor_id or "").rpartition("/")
    namespace, name = namespace or connection.namespace, name or pod_name(ti.key)
    place = f"pod {name} in namespace {namespace}"
    try:
        text = connection.pods.log(namespace, name, BASE, LINES)
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return [f"{place} is gone"], []
        return [f"{place} tells no log: {error.message}"], []
    except (ApiUnreachableError, ClusterConfigError) as error:
        return [f"the log of {place} cannot be read: {error}"], []
    finally:
        connection.http.close()
    return [f"the task ran in {place}"], [] if has_log(config, ti.key, text.encode()) else [text]

"""Looking at the pods from outside of a running executor."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_lite_k8s_executor.pods.naming import TOKEN_LABEL, selector
from airflow_lite_k8s_executor.pods.state import Stage, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite_k8s_executor.client.errors import ApiError
    from airflow_lite_k8s_executor.client.pods import Pod
    from airflow_lite_k8s_executor.connection import Connection
    from airflow_lite_k8s_executor.settings import KubernetesSettings

_UNAUTHORIZED = 401


@contextmanager
def connected(config: Config) -> Iterator[tuple[KubernetesSettings, Connection]]:
    """Give the settings and a connection for the block; raise UserError for what the API says."""
    from airflow_lite.cli import UserError
    from airflow_lite_k8s_executor.client.errors import ApiError, ApiUnreachableError
    from airflow_lite_k8s_executor.connection import read_and_connect

    settings, connection = read_and_connect(config)
    try:
        yield settings, connection
    except ApiUnreachableError as error:
        raise UserError(f"The API server does not answer: {error}") from error
    except ApiError as error:
        raise UserError(_refusal(error)) from error
    finally:
        connection.http.close()


def _refusal(error: ApiError) -> str:
    """Say what the API server refused, and what to do about it where that is known."""
    told = f"Kubernetes refused: {error.message.rstrip('.')} ({error.status})."
    if error.is_of_rights:
        return f"{told} `airflow-lite kubernetes manifests` prints a Role that lets a user do it."
    if error.status == _UNAUTHORIZED:
        return f"{told} Log in anew, or name another kubeconfig in [kubernetes] config_file."
    return told


def namespaces(settings: KubernetesSettings, connection: Connection) -> list[str | None]:
    """Return the namespaces in which pods may be; None is all."""
    if settings.namespaces is None:
        return [None]
    return list(dict.fromkeys([connection.namespace, *settings.namespaces]))


def all_pods(settings: KubernetesSettings, connection: Connection) -> list[Pod]:
    """Return every pod of ours that is there."""
    return [
        pod
        for namespace in namespaces(settings, connection)
        for pod in connection.pods.list(namespace, selector(settings.instance)).pods
    ]


def pod_rows(settings: KubernetesSettings, connection: Connection) -> list[dict[str, Any]]:
    """Return a row for each pod, the eldest first."""
    now = datetime.now(UTC)
    pods = all_pods(settings, connection)
    pods.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp")))
    return [_row(pod, now) for pod in pods]


def _row(pod: Pod, now: datetime) -> dict[str, Any]:
    about = pod["metadata"]
    ids, labels = about.get("annotations") or {}, about.get("labels") or {}
    state = read_state(pod)
    stage = state.stage.value
    if state.stage is Stage.ENDED and not state.is_recorded:
        stage = "failed"
    if about.get("deletionTimestamp"):
        stage = "terminating"
    return {
        "pod": about["name"],
        "namespace": about["namespace"],
        "dag_id": ids.get("dag_id"),
        "task_id": ids.get("task_id"),
        "run_id": ids.get("run_id"),
        "try_number": ids.get("try_number"),
        "map_index": ids.get("map_index"),
        "state": stage,
        "reason": state.reason,
        "node": (pod.get("spec") or {}).get("nodeName"),
        "age_s": age_s(pod, now),
        "attempt": labels.get(TOKEN_LABEL),
    }


def remove_useless(
    settings: KubernetesSettings,
    connection: Connection,
    namespace: str | None,
    pending_s: float,
) -> list[str]:
    """Delete pods that have ended, or wait for longer than that; return their names."""
    now = datetime.now(UTC)
    places = [namespace] if namespace else namespaces(settings, connection)
    names = []
    for place in places:
        for pod in connection.pods.list(place, selector(settings.instance)).pods:
            if _is_useless(pod, now, pending_s):
                about = pod["metadata"]
                connection.pods.delete(about["namespace"], about["name"], about["uid"])
                names.append(about["name"])
    return names


def _is_useless(pod: Pod, now: datetime, pending_s: float) -> bool:
    stage = read_state(pod).stage
    return stage is Stage.ENDED or (stage is Stage.PENDING and age_s(pod, now) >= pending_s)


def age_s(pod: Pod, now: datetime) -> int:
    """Return for how many seconds a pod is there."""
    made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    return max(int((now - made).total_seconds()), 0)

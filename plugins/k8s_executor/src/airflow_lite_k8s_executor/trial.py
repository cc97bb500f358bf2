"""A pod that looks for the metadata database and ends, made as those of tasks are."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite_k8s_executor.client.errors import ApiError, ApiUnreachableError
from airflow_lite_k8s_executor.client.pods import Watch
from airflow_lite_k8s_executor.pods.naming import BASE, TOKEN_LABEL, uid_of
from airflow_lite_k8s_executor.pods.spec import BadPodError, PodAttempt, PodBuilder
from airflow_lite_k8s_executor.pods.state import PodState, Stage, read_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_k8s_executor.client.pods import Pod
    from airflow_lite_k8s_executor.connection import Connection
    from airflow_lite_k8s_executor.settings import KubernetesSettings

COMMAND = ["airflow-lite", "db", "check"]
#: In the place of what sets the pods of tasks apart: no executor takes it for one of those.
_INSTANCE = "trial"
#: Seconds after which a node ends one that nobody could delete.
_LONGEST_S = 60


class Trial(NamedTuple):
    """What became of the pod: why tasks would not run in such ones, if so; a remark if not."""

    fault: str | None
    remark: str = ""


def run_trial(
    settings: KubernetesSettings,
    connection: Connection,
    timeout_s: float,
    mutate: Callable[[Pod], Pod] | None,
) -> Trial:
    """Make the pod, wait for its end, at most that long, and delete it.

    `mutate` is what the pods of tasks are passed through. Raises `ApiUnreachableError`.
    """
    try:
        pod = connection.pods.create(connection.namespace, _pod(settings, connection, mutate))
    except BadPodError as error:
        return Trial(str(error))
    except ApiError as error:
        return Trial(f"Kubernetes would not take a pod: {error}")
    name = str(pod["metadata"]["name"])
    try:
        state = _last_state(settings, connection, pod, timeout_s)
        text = _log(connection, name) if state.stage is Stage.ENDED else ""
    finally:
        with suppress(ApiError, ApiUnreachableError):
            connection.pods.delete(connection.namespace, name, uid_of(pod), grace_s=0)
    return outcome(state, text, timeout_s)


def _pod(
    settings: KubernetesSettings, connection: Connection, mutate: Callable[[Pod], Pod] | None
) -> Pod:
    from uuid import uuid4

    from airflow_lite.executors import TaskInstanceKey

    builder = PodBuilder(
        settings.template,
        namespace=connection.namespace,
        instance=_INSTANCE,
        owner="none",
        mutate=mutate,
    )
    key = TaskInstanceKey("health", "check", "run", attempt=uuid4().hex)
    pod = builder.build(PodAttempt(key, COMMAND, {}))
    pod["metadata"]["namespace"] = connection.namespace
    pod["spec"]["activeDeadlineSeconds"] = _LONGEST_S
    return pod


def _last_state(
    settings: KubernetesSettings, connection: Connection, pod: Pod, timeout_s: float
) -> PodState:
    """Follow the pod until it has ended, surely never starts, or the time is over."""
    about, state = pod["metadata"], read_state(pod)
    selector = f"{TOKEN_LABEL}={about['labels'][TOKEN_LABEL]}"
    end = time.monotonic() + timeout_s
    events = connection.pods.watch(
        connection.namespace, selector, str(about["resourceVersion"]), timeout_s, Watch()
    )
    for event in events:
        if event.kind != "BOOKMARK":
            state = read_state(event.pod, is_deleted=event.kind == "DELETED")
        is_decided = state.stage is Stage.ENDED or state.never_starts(settings.fatal_reasons)
        if is_decided or time.monotonic() >= end:
            break
    return state


def _log(connection: Connection, name: str) -> str:
    try:
        return connection.pods.log(connection.namespace, name, BASE, 1)
    except ApiError:
        return ""  # its container never ran


def outcome(state: PodState, log: str, timeout_s: float) -> Trial:
    """Say what the pod's last state means; `log` is the last line of an ended one's."""
    waited = f"within {timeout_s:.0f} s"
    if state.is_recorded:
        return Trial(None, " and reach the metadata database")
    if state.stage is Stage.ENDED:
        return Trial(f"`{' '.join(COMMAND)}` fails in a pod: {log.strip() or state.reason}")
    if state.stage is Stage.RUNNING:
        return Trial(f"A pod has had no answer of the metadata database {waited}.")
    if state.reason:
        return Trial(f"A pod does not start: {state.reason}")
    return Trial(
        None,
        f"; whether they reach the metadata database is not known: none has started {waited}",
    )
